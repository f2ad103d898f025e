/* Small comforts on top of pages that work without them: nothing here is needed to do a task. */
(() => {
  "use strict";
  const on = (type, selector, handle) =>
    document.addEventListener(type, (event) => {
      const element = event.target.closest?.(selector);
      if (element) handle(element, event);
    });

  // A file leaves the page as it is: it may be asked for again, and where that is counted what is left is read anew.
  const afterFile = async (form) => {
    delete form.dataset.sent;
    const counted = "counts" in form.dataset && form.closest(".card[id]");
    if (!counted) return;
    const answer = await fetch(location.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById(counted.id);
    if (!fresh) return;
    const at = [...counted.querySelectorAll("a, button")].indexOf(document.activeElement);
    counted.replaceWith(document.adoptNode(fresh));
    fresh.querySelectorAll("a, button")[at]?.focus();
  };

  // Who chooses a colour wants that one.
  on("input", "[data-picks]", (field) => {
    document.getElementById(field.dataset.picks).checked = true;
  });

  // A form is sent once. The server is safe against a second time anyway; this shows that something happens.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    if ("stays" in form.dataset) {
      setTimeout(() => afterFile(form), 2000);
      return;
    }
    const button = event.submitter;
    if (button?.matches(".btn")) button.setAttribute("aria-busy", "true");
  });
  // Back from the bank by the Back button: the page is as it was, so it may be sent again.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
    for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
  });

  // Destructive steps: the link leads to a page that asks; here it asks at once.
  on("click", "[data-dialog]", (link, event) => {
    const dialog = document.getElementById(link.dataset.dialog);
    if (!dialog?.showModal || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    dialog.showModal();
  });
  on("click", "dialog [data-close]", (button) => button.closest("dialog").close());

  // The bell leads to a page; here its list comes to the bell. Opening it has the server note what was read.
  const bell = document.querySelector("[data-panel]");
  const panel = bell && document.getElementById(bell.dataset.panel);
  const showPanel = (open) => {
    panel.hidden = !open;
    bell.setAttribute("aria-expanded", String(open));
  };
  const fillPanel = async () => {
    const answer = await fetch(bell.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    panel.querySelector("[data-list]").replaceChildren(document.adoptNode(page.getElementById("notices")));
    bell.setAttribute("aria-label", bell.dataset.read);
    const own = bell.getAttribute("href");
    for (const count of document.querySelectorAll(`a[href="${own}"] :is(.count, .tool-count)`)) count.remove();
  };
  if (bell) {
    showPanel(false);
    bell.setAttribute("aria-controls", panel.id);
    bell.addEventListener("click", async (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      if (!panel.hidden) return showPanel(false);
      try {
        await fillPanel();
      } catch {
        // No network, or the session ended: the page itself says what is the matter.
        location.assign(bell.href);
        return;
      }
      showPanel(true);
      panel.focus();
    });
    document.addEventListener("click", (event) => {
      if (!event.target.closest(".bell")) showPanel(false);
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || panel.hidden) return;
      showPanel(false);
      bell.focus();
    });
  }

  // Menus made of <details> close like menus.
  const closeMenus = (except) => {
    for (const menu of document.querySelectorAll("details[data-menu][open]")) if (menu !== except) menu.open = false;
  };
  document.addEventListener("click", (event) => closeMenus(event.target.closest("details[data-menu]")));
  document.addEventListener("keydown", (event) => {
    const menu = document.querySelector("details[data-menu][open]");
    if (event.key !== "Escape" || !menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  matchMedia("(min-width: 992px)").addEventListener("change", () => {
    const sidebar = document.getElementById("sidebar");
    if (sidebar?.matches(":popover-open")) sidebar.hidePopover();
  });

  // On a phone the later sections of a long page start folded, unless the address points into one.
  if (matchMedia("(max-width: 575.98px)").matches) {
    for (const section of document.querySelectorAll("details[data-fold]")) {
      if (!section.querySelector(":target") && `#${section.id}` !== location.hash) section.open = false;
    }
  }

  for (const button of document.querySelectorAll("[data-reveal]")) button.hidden = false;
  on("click", "[data-reveal]", (button) => {
    const input = document.getElementById(button.dataset.reveal);
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    button.setAttribute("aria-pressed", String(!shown));
  });

  if (navigator.clipboard) {
    for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
    on("click", "[data-copy]", async (button) => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
      button.classList.add("copied");
      setTimeout(() => button.classList.remove("copied"), 1500);
    });
  }

  // The summary of a form's errors takes focus, so that it is read out and Tab goes on from there.
  document.querySelector("[data-error-summary]")?.focus();
  document.addEventListener("htmx:after:swap", () => {
    document.querySelector("[data-error-summary]")?.focus();
    // The address follows what was searched for, so that Back, reload and a bookmark find it again.
    const search = document.querySelector("form.search[data-hx-get]");
    if (search) {
      const asked = new URLSearchParams([...new FormData(search)].filter(([, value]) => value));
      history.replaceState(null, "", `${search.action}${asked.size ? "?" : ""}${asked}`);
    }
    // A file that was waited for.
    const file = document.querySelector("a[data-fetch]");
    file?.removeAttribute("data-fetch");
    file?.click();
  });
})();
