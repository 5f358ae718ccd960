import type { ComponentProps } from 'react'
import styles from './Button.module.css'

export function Button({ isMain = false, ...rest }: { isMain?: boolean } & ComponentProps<'button'>) {
  return <button type="button" className={isMain ? styles.main : styles.button} {...rest} />
}
