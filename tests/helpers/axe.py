"""What axe finds on a page."""

from typing import Literal

from playwright.sync_api import Page

from helpers.relay_process import PROJECT

_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_AXE = PROJECT / "frontend/node_modules/axe-core/axe.min.js"
# All that axe can tell of WCAG 2.2 at the levels A and AA, and its best practices.
_RUN = """
async () => {
  const levels = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
  const { violations } = await axe.run({ runOnly: levels })
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}
"""


def assert_axe_finds_nothing(page: Page) -> None:
    """Fails if axe finds anything in the light theme or in the dark one.

    Leaves the page dark, and with reduced motion.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE.read_text(encoding="utf-8"))
    for scheme in _SCHEMES:
        # Colours that move from one theme to the other would be read half-way.
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found = page.evaluate(_RUN)
        assert not found, f"{scheme}: {found}"
