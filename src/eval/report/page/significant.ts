/** Below this chance a difference is called more than chance. */
export const significant = 0.05
