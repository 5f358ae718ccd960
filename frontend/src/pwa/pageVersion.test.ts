import { expect, test, vi } from 'vitest'
import { createPageVersion } from './pageVersion.ts'

class Worker extends EventTarget {
  state = 'installing'
  told: unknown[] = []

  postMessage(message: unknown) {
    this.told.push(message)
  }

  become(state: string) {
    this.state = state
    this.dispatchEvent(new Event('statechange'))
  }
}

class Registration extends EventTarget {
  installing: Worker | null = null
  waiting: Worker | null = null
  active: Worker | null = null

  find(): Worker {
    this.installing = new Worker()
    this.dispatchEvent(new Event('updatefound'))
    return this.installing
  }

  install(worker: Worker) {
    this.installing = null
    this.waiting = worker
    worker.become('installed')
  }

  activate(worker: Worker) {
    this.waiting = null
    this.active = worker
    worker.become('activating')
    worker.become('activated')
  }
}

function watched(registration = new Registration()) {
  const reload = vi.fn<() => void>()
  const version = createPageVersion(reload)
  version.watch(registration as unknown as ServiceWorkerRegistration)
  return { registration, reload, version }
}

function withActiveWorker() {
  const registration = new Registration()
  registration.active = new Worker()
  return registration
}

test('the first worker is no new version', () => {
  const { registration, version } = watched()

  const worker = registration.find()
  registration.install(worker)
  registration.activate(worker)

  expect(version.get()).toEqual({ name: 'current' })
})

test('a second worker that waits is one, and takes over only when asked', () => {
  const { registration, reload, version } = watched(withActiveWorker())

  const worker = registration.find()
  expect(version.get()).toEqual({ name: 'current' })
  registration.install(worker)
  expect(version.get()).toEqual({ name: 'ready' })
  expect(worker.told).toEqual([])

  version.update()
  expect(worker.told).toEqual([{ type: 'SKIP_WAITING' }])
  expect(version.get()).toEqual({ name: 'changing' })
  expect(reload).not.toHaveBeenCalled()
  registration.activate(worker)
  expect(reload).toHaveBeenCalledOnce()
})

test('a worker that waited before the page was opened is seen', () => {
  const registration = withActiveWorker()
  registration.waiting = new Worker()

  expect(watched(registration).version.get()).toEqual({ name: 'ready' })
})

test('a version that could not be installed does not hide the next', () => {
  const { registration, version } = watched(withActiveWorker())

  const broken = registration.find()
  registration.installing = null
  broken.become('redundant')
  registration.install(registration.find())

  expect(version.get()).toEqual({ name: 'ready' })
})

test('a tab in which nobody asked goes on, and reloads when it is asked later', () => {
  const { registration, reload, version } = watched(withActiveWorker())
  const worker = registration.find()
  registration.install(worker)

  registration.activate(worker)
  expect(reload).not.toHaveBeenCalled()
  expect(version.get()).toEqual({ name: 'ready' })

  version.update()
  expect(reload).toHaveBeenCalledOnce()
})
