"""A browser with a slow disk and a distant server: a test that does not wait for them fails."""

from playwright.sync_api import BrowserContext, Page

_DISK_MS = 500
_NETWORK_MS = 300

# A transaction lasts as long as it is used. Those after it wait, and a reload undoes it.
_SLOW_DISK = f"""
{{
  const now = performance.now.bind(performance)
  const transaction = IDBDatabase.prototype.transaction
  IDBDatabase.prototype.transaction = function (stores, mode, ...options) {{
    const made = transaction.call(this, stores, mode, ...options)
    const begun = now()
    const disk = made.objectStore(made.objectStoreNames[0])
    const goOn = () => {{ if (now() - begun < {_DISK_MS}) disk.count().onsuccess = goOn }}
    if (mode === 'readwrite') goOn()
    return made
  }}
}}
"""


def slow_down(context: BrowserContext) -> None:
    """Makes all pages that the context opens from now on slow."""
    context.add_init_script(_SLOW_DISK)
    context.on("page", _slow_network)


def _slow_network(page: Page) -> None:
    page.context.new_cdp_session(page).send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": _NETWORK_MS,
            "downloadThroughput": -1,
            "uploadThroughput": -1,
        },
    )
