// Making and renewing elements. Text goes in as text, never as markup.

/** An element: h("b", { title: "x" }, "text", child). `null` children and attributes are left out. */
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Writes a text only if it is another one: an unchanged element is not drawn again. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Makes `parent` hold these items in this order, and touches only what differs.
 * An item is [key, signature, make]: same key and signature, and the element stays as it is.
 */
function renew(parent, items) {
  const old = parent.kept || new Map();
  const kept = new Map();
  let place = parent.firstChild;
  for (const [key, signature, make] of items) {
    let entry = old.get(key);
    const focused = entry && entry.element.contains(document.activeElement);
    if (!entry || entry.signature !== signature) {
      const element = make();
      if (entry) {
        if (entry.element === place) place = element;
        entry.element.replaceWith(element);
        if (focused) (element.querySelector("button") || element).focus({ preventScroll: true });
      }
      entry = { element, signature };
    }
    if (entry.element === place) place = place.nextSibling;
    else parent.insertBefore(entry.element, place);
    kept.set(key, entry);
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
  parent.kept = kept;
}

/** A long name loses its middle: both ends tell names apart better than the beginning alone. */
function shorten(text, most) {
  const letters = [...text];
  if (letters.length <= most) return text;
  const half = (most - 1) / 2;
  return letters.slice(0, Math.ceil(half)).join("") + "…" + letters.slice(-Math.floor(half)).join("");
}

/** Scrolls inside a box, never the page. */
function scrollInside(box, element) {
  const top = element.offsetTop - box.offsetTop;
  if (top < box.scrollTop || top + element.offsetHeight > box.scrollTop + box.clientHeight) {
    box.scrollTop = Math.max(0, top - box.clientHeight / 3);
  }
}

const narrow = () => matchMedia("(max-width: 640px)").matches;
