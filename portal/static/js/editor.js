/* Marks and a preview for texts in Markdown; without it plain typing works. */
(() => {
  "use strict";

  // What is selected is replaced, so that Undo takes it back; then `from` to `to` of the new text is selected.
  const replace = (area, start, end, text, from, to) => {
    area.focus();
    area.setSelectionRange(start, end);
    if (!document.execCommand("insertText", false, text)) area.setRangeText(text, start, end);
    area.setSelectionRange(start + from, start + to);
  };

  const mark = (area, sign) => {
    const { selectionStart: start, selectionEnd: end, value } = area;
    const chosen = value.slice(start, end);
    replace(area, start, end, sign + chosen + sign, sign.length, sign.length + chosen.length);
  };

  const link = (area) => {
    const { selectionStart: start, selectionEnd: end, value } = area;
    const chosen = value.slice(start, end);
    const text = `[${chosen}](https://)`;
    const place = chosen ? [chosen.length + 3, text.length - 1] : [1, 1];
    replace(area, start, end, text, ...place);
  };

  const eachLine = (area, sign) => {
    const start = area.value.lastIndexOf("\n", area.selectionStart - 1) + 1;
    const end = area.selectionEnd;
    const text = area.value.slice(start, end).replace(/^/gm, sign);
    replace(area, start, end, text, text.length, text.length);
  };

  const look = async (bar, area, button) => {
    const shown = document.getElementById(button.getAttribute("aria-controls"));
    const show = (on) => {
      button.setAttribute("aria-pressed", String(on));
      shown.hidden = !on;
      area.hidden = on;
    };
    if (!shown.hidden) {
      show(false);
      area.focus();
      return;
    }
    const sent = new FormData();
    sent.set("csrf_token", area.form.elements.csrf_token.value);
    sent.set("body", area.value);
    try {
      // An answer that leads elsewhere is the log-in page of somebody whose session is over.
      const answer = await fetch(bar.dataset.url, { method: "POST", body: sent, redirect: "manual" });
      if (!answer.ok) throw new Error(answer.status);
      shown.innerHTML = await answer.text();
    } catch {
      shown.textContent = shown.dataset.failed;
    }
    show(true);
    shown.focus();
  };

  for (const bar of document.querySelectorAll("[data-editor]")) {
    const area = document.getElementById(bar.dataset.editor);
    bar.hidden = false;
    bar.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      if ("look" in button.dataset) look(bar, area, button);
      else if (area.hidden) return;
      else if (button.dataset.mark) mark(area, button.dataset.mark);
      else if (button.dataset.line) eachLine(area, button.dataset.line);
      else link(area);
    });
    area.addEventListener("keydown", (event) => {
      const sign = { b: "**", i: "*" }[event.key.toLowerCase()];
      if (!sign || event.altKey || event.shiftKey || event.ctrlKey === event.metaKey) return;
      event.preventDefault();
      mark(area, sign);
    });
  }
})();
