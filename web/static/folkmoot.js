// Small comforts. Every page works without this file.
(() => {
  "use strict";
  const all = (query, root = document) => [...root.querySelectorAll(query)];
  const typing = (node) => node.matches("input, textarea, select, [contenteditable]");

  // A text that is being written survives a lost page: kept in this browser until it is sent.
  const drafts = {
    get: (key) => { try { return localStorage.getItem("draft:" + key); } catch { return null; } },
    set: (key, text) => { try { text ? localStorage.setItem("draft:" + key, text) : localStorage.removeItem("draft:" + key); } catch { /* private mode */ } },
  };
  const dirty = new Set();
  const watch = (root) => {
    for (const area of all("textarea[data-draft]", root)) {
      if (!area.value) area.value = drafts.get(area.dataset.draft) ?? "";
    }
    slots();
  };
  // Of the fields for pictures one empty one is enough at a time.
  const slots = () => {
    for (const box of all("[data-slots]")) {
      let empty = 0;
      for (const slot of all("fieldset", box)) {
        const file = slot.querySelector("[type=file]");
        file?.setCustomValidity(file.files[0]?.size > box.dataset.slots ? box.dataset.tooLarge : "");
        slot.hidden = Boolean(file && !file.value && !slot.querySelector(".wrong")) && ++empty > 1;
      }
    }
  };
  // Large photographs are made smaller before they leave: sooner there, and nothing goes of where they were taken.
  const shrink = async (input) => {
    const photo = input.files[0];
    if (photo?.type !== "image/jpeg" || photo.size < 500_000) return;
    const image = await createImageBitmap(photo).catch(() => null);
    if (!image || input.files[0] !== photo) return;
    const scale = Math.min(1, 1600 / Math.max(image.width, image.height));
    const canvas = Object.assign(document.createElement("canvas"), { width: Math.round(image.width * scale), height: Math.round(image.height * scale) });
    const paper = canvas.getContext("2d");
    paper.imageSmoothingQuality = "high";
    paper.drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => {
      if (!blob || blob.size > photo.size || input.files[0] !== photo) return;
      const files = new DataTransfer();
      files.items.add(new File([blob], photo.name, { type: blob.type }));
      input.files = files.files;
      slots();
    }, "image/jpeg", .92);
  };
  document.addEventListener("change", ({ target }) => {
    slots();
    if (target.matches("[data-slots] [type=file]")) shrink(target);
  });
  document.addEventListener("input", ({ target }) => {
    if (target.dataset?.draft) drafts.set(target.dataset.draft, target.value);
    if (target.form?.matches("[data-leave]")) dirty.add(target.form);
  });
  document.addEventListener("submit", ({ target, submitter }) => {
    dirty.delete(target);
    if (submitter?.name === "preview") return;
    for (const area of all("textarea[data-draft]", target)) drafts.set(area.dataset.draft, "");
  });
  addEventListener("beforeunload", (event) => { if (dirty.size) event.preventDefault(); });

  // Menus close on a click elsewhere and on Escape.
  const close = (except) => all("details.menu[open]").forEach((menu) => { if (menu !== except) menu.open = false; });
  document.addEventListener("click", ({ target }) => close(target.closest("details.menu")));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const open = document.querySelector("details.menu[open]");
      close();
      open?.querySelector("summary").focus();
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    review(event);
  });

  // The review queue by keyboard: letters on the buttons of a case, J and K in the list.
  const review = (event) => {
    const key = event.key.toLowerCase();
    const form = document.querySelector("form[data-decide]");
    const hit = form?.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (hit) { event.preventDefault(); hit.click(); return; }
    if (form || !document.querySelector("[data-first]") || !"jk".includes(key)) return;
    const links = all("ol.rows .title");
    const at = links.indexOf(document.activeElement);
    links[Math.max(0, Math.min(links.length - 1, at + (key === "j" ? 1 : -1)))]?.focus();
  };

  // Thanks and replies happen in place; htmx fetches the page and takes the piece that changed.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form.thank") || !window.htmx) return;
    event.preventDefault();
    htmx.ajax("POST", form.action, { source: form, target: form, select: "#" + form.id, swap: "outerHTML" });
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a.reply");
    if (!link || !window.htmx || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const id = link.closest("article").id.slice(1);
    htmx.ajax("GET", link.href, { source: link, target: "#spot-" + id, select: "#reply-" + id, swap: "innerHTML" });
  });

  // An answer that is not the expected piece of a page (logged out, refused) is shown as the page it is.
  document.addEventListener("htmx:before:response", (event) => {
    const { ctx } = event.detail;
    const asked = new URL(ctx.request.action, location.href).pathname;
    const raw = ctx.response.raw;
    if (raw.ok && !(raw.redirected && new URL(raw.url).pathname === "/login")) return;
    event.preventDefault();
    const form = ctx.sourceElement.closest("form");
    if (form && ctx.request.method !== "GET") {
      // With the name of the button: a preview must not become the post itself.
      const { name, value } = ctx.sourceElement;
      if (name) form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
      form.submit();
    }
    else location.assign(raw.redirected ? raw.url : asked);
  });
  // One reply form at a time, ready to type in.
  document.addEventListener("htmx:after:swap", () => {
    slots();
    const forms = all("[id^=spot-] .reply-form");
    const now = forms.find((form) => !form.dataset.seen);
    if (now) {
      forms.filter((form) => form !== now).forEach((form) => form.remove());
      now.dataset.seen = "1";
      watch(now);
      now.querySelector("textarea").focus();
    }
  });
  // What is being checked is looked at again a few times, unless something is being typed.
  const pauses = [1500, 3000, 6000, 15000];
  const lookAgain = () => {
    const waiting = all("#main [data-soon]").length;
    if (!waiting || !pauses.length) return;
    setTimeout(async () => {
      const busy = () => all("#main textarea").some((area) => area.value !== area.defaultValue || area === document.activeElement) || all("#main [type=file]").some((file) => file.value);
      const answer = busy() ? null : await fetch(location.href).catch(() => null);
      const page = answer?.ok && new DOMParser().parseFromString(await answer.text(), "text/html");
      const main = page && page.querySelector("#main");
      if (main && !busy() && all("[data-soon]", main).length < waiting) {
        document.querySelector("#main").replaceWith(main);
        window.htmx?.process(main);
        watch(main);
      }
      lookAgain();
    }, pauses.shift());
  };
  watch(document);
  lookAgain();
})();
