// Replaces what has changed on this page, as the server says it. Without this the page shows the same once it is loaded again.
const { live: url, growsOld } = document.body.dataset
/** How long nothing may be heard of a server that says something every 15 s; how long to wait before trying again (milliseconds). */
const [silence, pause] = [45_000, 3_000]
let heard = Date.now()
let lost = false

const parse = (html) => new DOMParser().parseFromString(html, 'text/html')
const parts = (root) => [...root.querySelectorAll('[data-part]')]

function put(next) {
  const before = document.getElementById(next.id)
  if (before.outerHTML === next.outerHTML) return
  const links = (root) => [...root.querySelectorAll('a')]
  const focused = links(before).indexOf(document.activeElement)
  before.replaceWith(next)
  if (next.dataset.order !== before.dataset.order) move(next)
  links(next)[focused]?.focus({ preventScroll: true })
}

/** To its place among the others. */
function move(row) {
  const others = [...row.parentElement.children].filter((other) => other !== row)
  const behind = others.find((other) => other.dataset.order > row.dataset.order)
  row.parentElement.insertBefore(row, behind ?? null)
}

/** Asks for the whole page, one at a time and not more often than once a second, and takes over what is new in it. */
let isAsking = false
async function again() {
  if (isAsking) return
  isAsking = true
  await new Promise((done) => setTimeout(done, 1_000))
  isAsking = false
  const answer = await fetch(location.href).catch(() => undefined)
  if (answer?.ok) take(parse(await answer.text()))
}

function take(page) {
  const ids = (root) =>
    parts(root)
      .map(({ id }) => id)
      .sort()
      .join()
  if (ids(page) === ids(document)) for (const part of parts(page)) put(part)
  else for (const id of ['as-of', 'main']) document.getElementById(id).replaceWith(page.getElementById(id))
  search()
}

/** Shows the rows that have in them what is typed. */
const typed = document.getElementById('q')
let wanted = typed?.value
function search() {
  const field = document.getElementById('q')
  if (!field || wanted === undefined) return
  if (field !== document.activeElement) field.value = wanted
  const rows = [...document.querySelectorAll('.services > .row')]
  const text = wanted.trim().toLowerCase()
  const shown = rows.filter((row) => {
    row.hidden = !row.textContent.toLowerCase().includes(text)
    return !row.hidden
  })
  document.getElementById('found').textContent = text ? `${shown.length} of ${rows.length}` : ''
}
document.addEventListener('input', ({ target }) => {
  if (target.id !== 'q') return
  wanted = target.value
  search()
})

function say() {
  document.body.classList.toggle('live', !lost)
  if (!lost) return
  const note = document.getElementById('as-of')
  if (note.classList.contains('lost')) return
  note.className = 'as-of away lost'
  note.role = 'status'
  note.innerHTML = '<strong></strong> What you see is as of then; it comes back by itself.'
  const time = new Date(heard).toISOString().slice(11, 19)
  note.firstChild.textContent = `No connection to this page’s server since ${time} UTC.`
}

function connect() {
  const stream = new EventSource(url)
  const on = (name, does) =>
    stream.addEventListener(name, ({ data }) => {
      heard = Date.now()
      does(data)
    })
  const failed = () => {
    lost = true
    say()
    if (stream.readyState !== EventSource.CLOSED) return
    clearInterval(watch)
    setTimeout(connect, pause)
  }
  const watch = setInterval(() => {
    if (Date.now() - heard < silence) return
    stream.close()
    failed()
  }, pause)
  stream.onerror = failed
  on('hello', () => {
    // What has changed while nobody told is in the page.
    if (lost) again()
    lost = false
    say()
  })
  on('again', again)
  on('part', (html) => {
    const part = parse(html).body.firstElementChild
    if (document.getElementById(part.id)) put(part)
    else again()
    search()
  })
}

if (url) {
  connect()
  // Words such as “3 minutes ago”.
  if (growsOld !== undefined) setInterval(again, 60_000)
}
