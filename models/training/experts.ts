/** The nine free sets the bundle learns from. */
export const setNames = [
  'medquad',
  'tldr-pages',
  'nl2bash',
  'cosqa',
  'banking77',
  'metatool',
  'seal-tools',
  'apibench',
  'clinc150',
] as const

/** Sets whose questions the base does not see: their experts arrive later, as a user's own do. */
export const lateSets: ReadonlySet<string> = new Set(['banking77', 'clinc150'])

/** What each expert learns from, and the settings that won on held-out queries. */
export const experts = [
  {
    name: 'medical',
    sets: ['medquad'],
    description: 'Consumer health: diseases, symptoms, treatments, medicines',
    rates: [1e-2],
    steps: 800,
    temperature: 0.03,
  },
  {
    name: 'shell',
    sets: ['tldr-pages', 'nl2bash'],
    description: 'Command-line tools and shell one-liners',
    rates: [1e-2],
    steps: 300,
    temperature: 0.05,
  },
  { name: 'code', sets: ['cosqa'], description: 'Python functions', rates: [2e-3], steps: 120, temperature: 0.05 },
  {
    name: 'tools',
    sets: ['metatool', 'seal-tools', 'apibench'],
    description: 'Which tool, plugin, API or model to use for a task',
    rates: [5e-3],
    steps: 200,
    temperature: 0.05,
    hardNegatives: 1,
  },
  {
    name: 'bank',
    sets: ['banking77'],
    description: 'Bank customer support: cards, transfers, top-ups, identity',
    rates: [3e-2],
    steps: 700,
    temperature: 0.03,
  },
  {
    name: 'assistant',
    sets: ['clinc150'],
    description: 'Everyday requests to an assistant: travel, home, calendar, small talk',
    rates: [3e-2],
    steps: 700,
    temperature: 0.03,
  },
] as const
