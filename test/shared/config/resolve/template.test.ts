import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  fieldsUsed,
  renderTemplate,
  templateFieldNames,
  templateProblems,
} from '../../../../shared/config/resolve/template.ts'

const fields = {
  Account: 'dunepro',
  DesiredUID: 50123,
  Experiment: 'dune',
  Role: 'production',
  Service: 'dune_production',
}

test('every field is filled in, with blanks around it or not', () => {
  const template = '{{.Account}} {{ .DesiredUID }} {{.Experiment}} {{- .Role -}} {{.Service}}'
  assert.equal(renderTemplate(template, fields), 'dunepro 50123 dune production dune_production')
  assert.deepEqual(fieldsUsed(template), [...templateFieldNames])
})

for (const [template, said] of [
  ['{{.Acount}}', /unknown field \{\{\.Acount\}\}/],
  ['{{.account}}', /unknown field/],
  ['{{if .Role}}x{{end}}', /is not a field/],
  ['{{.Role | printf "%s"}}', /is not a field/],
  ['{{.Role', /come in pairs/],
  ['Role}}', /come in pairs/],
  ['{{.__proto__}}', /is not a field/],
  ['{{.constructor}}', /unknown field/],
] as const) {
  test(`${template} is refused`, () => {
    assert.match(templateProblems(template).join('\n'), said)
  })
}

test('a field without a value is an error, not an empty text', () => {
  const { DesiredUID: _, ...without } = fields
  assert.throws(() => renderTemplate('/tmp/{{.DesiredUID}}', without), /no value for \{\{\.DesiredUID\}\}/)
})

test('what is around the fields stays as it is, and values are not filled in again', () => {
  const literal = fc.string().filter((text) => !/[{}]/.test(text))
  fc.assert(
    fc.property(
      fc.array(fc.tuple(literal, fc.constantFrom(...templateFieldNames))),
      literal,
      (parts, end) => {
        const values = { ...fields, Account: '{{.Role}}$&$1' }
        const template = parts.map(([text, name]) => `${text}{{.${name}}}`).join('') + end
        assert.deepEqual(templateProblems(template), [])
        assert.equal(
          renderTemplate(template, values),
          parts.map(([text, name]) => text + values[name]).join('') + end,
        )
      },
    ),
  )
})
