import type { PilotPlace } from '../../results.ts'
import { general, type Point } from './map-points.ts'
import { expertColour } from './names.ts'

/** What is on the map, and where. */
export interface Painting {
  readonly width: number
  readonly height: number
  readonly x: (value: number) => number
  readonly y: (value: number) => number
  /** How much it is magnified. */
  readonly zoom: number
  readonly experts: readonly string[]
  /** Questions there are, shown or not: many are drawn small. */
  readonly total: number
  readonly points: readonly Point[]
  readonly pilots: readonly PilotPlace[]
  /** The question that is open, and the one that is pointed at. */
  readonly ringed: readonly Point[]
}

export function paintMap(canvas: HTMLCanvasElement, { width, height, x, y, zoom, experts, total, points, pilots, ringed }: Painting): void {
  const context = prepared(canvas, width, height)
  const style = getComputedStyle(canvas)
  const colours = new Map([...experts, general].map((name) => [name, resolved(style, expertColour(experts, name))]))
  const ink = style.getPropertyValue('--ink')
  const narrow = width < 500 ? 0.7 : 1
  const radius = Math.min(6, (total > 6000 ? 1.7 : total > 1500 ? 2.3 : 3) * Math.sqrt(zoom)) * narrow
  const inside = (px: number, py: number): boolean => px > -20 && px < width + 20 && py > -20 && py < height + 20

  context.lineWidth = 1.4 * narrow
  for (const point of points) {
    const [px, py] = [x(point.x), y(point.y)]
    if (inside(px, py)) question(context, point.decision, px, py, radius, colours.get(point.expert) ?? ink)
  }
  context.globalAlpha = 1
  for (const { expert, place, weight } of pilots) {
    const [px, py] = [x(place[0]), y(place[1])]
    const side = Math.min(16, 6 + 1.4 * Math.log2(1 + weight)) * narrow
    if (inside(px, py))
      pilot(context, px, py, side, { fill: colours.get(expert) ?? ink, halo: style.getPropertyValue('--card'), line: ink })
  }
  context.strokeStyle = ink
  context.lineWidth = 2
  for (const point of ringed) {
    context.beginPath()
    context.arc(x(point.x), y(point.y), radius + 5, 0, 2 * Math.PI)
    context.stroke()
  }
}

/** The canvas emptied, in the screen's own pixels. */
function prepared(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = Math.max(1, window.devicePixelRatio)
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio)
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio)
  const context = canvas.getContext('2d')!
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.clearRect(0, 0, width, height)
  return context
}

/** A dot for one expert, a ring for two, a cross for the fallback. */
function question(context: CanvasRenderingContext2D, decision: string, x: number, y: number, radius: number, colour: string): void {
  context.fillStyle = colour
  context.strokeStyle = colour
  context.globalAlpha = decision === 'expert' || decision === 'forced' ? 0.72 : 0.95
  context.beginPath()
  if (decision === 'fallback') {
    const reach = radius * 1.1
    context.moveTo(x - reach, y - reach)
    context.lineTo(x + reach, y + reach)
    context.moveTo(x - reach, y + reach)
    context.lineTo(x + reach, y - reach)
    context.stroke()
  } else {
    context.arc(x, y, decision === 'fused' ? radius * 1.25 : radius, 0, 2 * Math.PI)
    if (decision === 'fused') context.stroke()
    else context.fill()
  }
}

function pilot(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  side: number,
  { fill, halo, line }: { readonly fill: string; readonly halo: string; readonly line: string },
): void {
  const square = [x - side / 2, y - side / 2, side, side] as const
  context.strokeStyle = halo
  context.lineWidth = 4
  context.strokeRect(...square)
  context.fillStyle = fill
  context.fillRect(...square)
  context.strokeStyle = line
  context.lineWidth = 1.5
  context.strokeRect(...square)
}

/** A canvas knows no `var()`. */
function resolved(style: CSSStyleDeclaration, colour: string): string {
  return style.getPropertyValue(colour.slice('var('.length, -1)).trim()
}
