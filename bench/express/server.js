// The Express relay: what the tutorials write, without the page.
import express from 'express'
import OpenAI from 'openai'

const app = express()
const openai = new OpenAI()

app.use(express.json())

app.post('/aiCompletion', async (req, res) => {
  const stream = await openai.chat.completions.create({
    model: process.env.OPENAI_MODEL,
    messages: [{ role: 'user', content: req.body.userPrompt }],
    stream: true,
  })
  res.setHeader('Content-Type', 'text/plain; charset=utf-8')
  for await (const part of stream) {
    res.write(part.choices[0]?.delta?.content ?? '')
  }
  res.end()
})

app.listen(process.env.PORT, '127.0.0.1')
