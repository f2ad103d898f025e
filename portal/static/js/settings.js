/* Settings are saved as they change. Without this script the form has a button. */
(() => {
  "use strict";
  const form = document.querySelector("form[data-autosave]");
  const said = document.getElementById("saved");
  form.querySelector("[data-save]").hidden = true;
  // Enter on a choice would send the whole form; what stands there is stored already.
  form.addEventListener("submit", (event) => event.preventDefault());

  // A page that came anew goes on where the reader was.
  const LAST = "loket-setting";
  document.getElementById(sessionStorage.getItem(LAST))?.focus();
  sessionStorage.removeItem(LAST);

  const say = (text, failed) => {
    const note = document.createElement("span");
    note.className = failed ? "saved failed" : "saved";
    note.textContent = text;
    said.replaceChildren(note);
  };

  const send = async (field) => {
    const body = new URLSearchParams({ changed: field.name });
    for (const name of ["csrf_token", "account"]) body.set(name, form.elements[name].value);
    // What stands there now, also when it was changed again while an earlier change was on its way.
    const value = new FormData(form).get(field.name);
    if (value !== null) body.set(field.name, value);
    try {
      // An answer that leads elsewhere is the log-in page of somebody whose session is over.
      return (await fetch(form.action, { method: "POST", body, redirect: "manual", keepalive: true })).ok;
    } catch {
      return false;
    }
  };

  const save = async (field) => {
    const same = [...form.querySelectorAll(`[name="${field.name}"]`)];
    if (!(await send(field))) {
      // The page shows what is stored, and no wish.
      for (const each of same) each.checked = each.defaultChecked;
      say(said.dataset.failed, true);
      return;
    }
    for (const each of same) each.defaultChecked = each.checked;
    say(`${said.dataset.saved}: ${field.dataset.says}`, false);
    if (field.closest("[data-anew]")) {
      sessionStorage.setItem(LAST, field.id);
      location.reload();
    }
  };

  // One after the other, so that of two changes the later one is stored.
  let before = Promise.resolve();
  form.addEventListener("change", (event) => {
    before = before.then(() => save(event.target));
  });
})();
