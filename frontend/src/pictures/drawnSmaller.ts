/** The longest side. Models that look at pictures see no more than this. */
const LONGEST_SIDE = 1024

const QUALITIES = [0.85, 0.6, 0.3]

/**
 * The picture in a file as a `data:` URL of at most `maxBytes`; null if the browser cannot read it. Drawing
 * it anew also leaves out what a camera wrote into the file, such as the place.
 */
export async function drawnSmaller(file: Blob, maxBytes: number): Promise<string | null> {
  const picture = await read(file)
  if (picture === null) return null
  const canvas = draw(picture)
  picture.close()
  for (const quality of QUALITIES) {
    const address = encoded(canvas, quality)
    if (bytesOf(address) <= maxBytes) return address
  }
  return null
}

async function read(file: Blob): Promise<ImageBitmap | null> {
  try {
    return await createImageBitmap(file)
  } catch (error) {
    if (error instanceof DOMException) return null
    throw error
  }
}

function draw(picture: ImageBitmap): HTMLCanvasElement {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(picture.width, picture.height))
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(1, Math.round(picture.width * scale))
  canvas.height = Math.max(1, Math.round(picture.height * scale))
  const context = canvas.getContext('2d')!
  // JPEG has no transparency, and would make it black.
  context.fillStyle = '#fff'
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.imageSmoothingQuality = 'high'
  context.drawImage(picture, 0, 0, canvas.width, canvas.height)
  return canvas
}

/** WebP is smaller, but a browser that cannot write it writes PNG. */
function encoded(canvas: HTMLCanvasElement, quality: number): string {
  const address = canvas.toDataURL('image/webp', quality)
  return address.startsWith('data:image/webp') ? address : canvas.toDataURL('image/jpeg', quality)
}

function bytesOf(address: string): number {
  return Math.ceil(((address.length - address.indexOf(',') - 1) * 3) / 4)
}
