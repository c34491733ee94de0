// Checks the page that this script was put into, and writes what it finds into the frame's own page.
addEventListener("load", async () => {
  const elements = [...document.body.querySelectorAll("*")].filter((one) => !one.closest("[data-check], .skip"));
  const isHidden = (one) => getComputedStyle(one).position === "absolute" || one.closest("thead");
  const named = (one) => `${one.tagName.toLowerCase()}.${one.className}: ${one.textContent.slice(0, 40)}`;
  const isTooWide = (one) => {
    const box = one.getBoundingClientRect();
    return box.right > innerWidth + 1 || box.left < -1 || one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0;
  };
  const overflowing = elements.filter((one) => isTooWide(one) && !(innerWidth <= 832 && isHidden(one))).map(named);
  if (document.documentElement.scrollWidth > innerWidth) overflowing.push("the page itself");
  const links = [...document.querySelectorAll("a[href]")];
  const found = await axe.run(document, { resultTypes: ["violations", "passes"] });
  const said = {
    width: innerWidth,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    title: document.title,
    overflowing: overflowing.slice(0, 20),
    violations: found.violations.map((one) => `${one.impact} ${one.id}: ${one.nodes.length}, ${one.nodes[0].html}`),
    // A badge is as wide as its word, in whatever it lies.
    stretched: [...document.querySelectorAll(".badge")].filter((one) => one.getBoundingClientRect().width > 12 * parseFloat(getComputedStyle(one).fontSize)).length,
    rules: found.passes.length,
    scripts: document.querySelectorAll("script:not([data-check])").length,
    images: document.images.length,
    dead_links: links.map((one) => one.getAttribute("href")).filter((to) => !document.getElementById(to.slice(1))),
    first_focus: links[0].getAttribute("href"),
  };
  const bytes = new TextEncoder().encode(JSON.stringify(said));
  parent.document.getElementById("result").textContent = btoa(String.fromCharCode(...bytes));
});
