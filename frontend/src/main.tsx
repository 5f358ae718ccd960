import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import './index.css'
import { App } from './App.tsx'
import { Boundary } from './components/Boundary.tsx'
import { CrashNote } from './components/CrashNote.tsx'
import { createPage, PageContext } from './page/page.ts'
import { registerWorker } from './pwa/pwa.ts'

const page = createPage(import.meta.env.VITE_API_URL ?? '')

async function show() {
  // Or it would begin in another language for a moment.
  await page.words.loaded
  createRoot(document.getElementById('root')!).render(
    <StrictMode>
      <PageContext value={page}>
        <Boundary fallback={<CrashNote />}>
          <App />
        </Boundary>
      </PageContext>
    </StrictMode>,
  )
}

registerWorker()
void show()
