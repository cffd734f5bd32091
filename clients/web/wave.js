// The wave that moves with whoever speaks. Only a picture: everything it shows is said in words too.

const LAYERS = [
  { length: 1.1, speed: 0.9, height: 1, alpha: 0.9, width: 2.2 },
  { length: 1.7, speed: -0.6, height: 0.7, alpha: 0.45, width: 1.6 },
  { length: 2.6, speed: 0.4, height: 0.5, alpha: 0.25, width: 1.2 },
];
const STILL = 0.05; // what moves while nobody speaks

export class Wave {
  #height = STILL;
  #on = false;
  #calm = matchMedia("(prefers-reduced-motion: reduce)");

  /** `level()`: 0 to 1, how loud it is now. Its colour is the canvas's own. */
  constructor(canvas, level) {
    this.canvas = canvas;
    this.level = level;
  }

  start() {
    if (this.#on) return;
    this.#on = true;
    const draw = (time) => {
      if (!this.#on) return;
      this.#draw(time / 1000);
      requestAnimationFrame(draw);
    };
    requestAnimationFrame(draw);
  }

  stop() {
    this.#on = false;
  }

  #draw(time) {
    const { canvas } = this;
    const scale = devicePixelRatio;
    const width = canvas.clientWidth * scale;
    const height = canvas.clientHeight * scale;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const wanted = Math.min(1, STILL + 2.6 * Math.sqrt(this.level()) * 0.8);
    this.#height += (wanted - this.#height) * (wanted > this.#height ? 0.35 : 0.08); // quick up, slowly down
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    pen.strokeStyle = getComputedStyle(canvas).color;
    const moving = this.#calm.matches ? 0 : time;
    for (const layer of LAYERS) this.#line(pen, layer, moving, { width, height, scale });
  }

  #line(pen, layer, time, { width, height, scale }) {
    pen.globalAlpha = layer.alpha;
    pen.lineWidth = layer.width * scale;
    pen.beginPath();
    for (let x = 0; x <= width; x += 2 * scale) {
      const along = x / width;
      const envelope = Math.sin(Math.PI * along) ** 2;
      const phase = 2 * Math.PI * (along * 3 * layer.length + time * layer.speed);
      const y = height / 2 + Math.sin(phase) * envelope * this.#height * layer.height * height * 0.46;
      pen.lineTo(x, y);
    }
    pen.stroke();
  }
}
