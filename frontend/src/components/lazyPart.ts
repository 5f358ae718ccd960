import { createElement, lazy, Suspense, type ComponentType } from 'react'

const Nothing = () => null

/** A component that is loaded when it is first shown. If it cannot be loaded, the page works without it. */
export function lazyPart<Module, Name extends keyof Module>(load: () => Promise<Module>, name: Name) {
  type Props = Module[Name] extends ComponentType<infer Own> ? Own : never
  const Part = lazy(async () => {
    const loaded = await load().catch((error: unknown) => {
      console.warn('A part of the page was not loaded:', error)
      return null
    })
    return { default: (loaded?.[name] ?? Nothing) as ComponentType<object> }
  })
  return (props: Props) => createElement(Suspense, null, createElement(Part, props as object))
}
