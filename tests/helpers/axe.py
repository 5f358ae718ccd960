"""What axe finds on a page."""

from playwright.sync_api import Page

from helpers.relay_process import PROJECT

_AXE = PROJECT / "frontend/node_modules/axe-core/axe.min.js"
# All that axe can tell of WCAG 2.2 at the levels A and AA, and its best practices.
_RUN = """
async () => {
  const levels = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
  const { violations } = await axe.run({ runOnly: levels })
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}
"""


def violations(page: Page) -> list[str]:
    page.evaluate(_AXE.read_text(encoding="utf-8"))
    found: list[str] = page.evaluate(_RUN)
    return found
