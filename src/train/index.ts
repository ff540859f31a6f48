export {
  trainBase,
  tokenizeWith,
  defaultStages,
  type BaseCheckpoint,
  type BaseOptions,
  type BaseStage,
  type TrainedBase,
} from './base/base.ts'
export type { BasePair, BaseTask } from './base/packed.ts'
export { trainWordPiece, type TokenizerJson, type WordPieceOptions } from './wordpiece.ts'
export {
  trainExpert,
  type AdapterExpertOptions,
  type LoraExpertOptions,
  type TableExpertOptions,
  type TrainedExpert,
  type TrainingLogEntry,
} from './expert/expert.ts'
export type { LoraOptions } from './lora/lora.ts'
export type { UnseenQuery } from './expert/plan.ts'
export type { ExpertCheckpoint } from './expert/checkpoint.ts'
export type { LearnedAdapter } from './expert/adapter.ts'
export type { LearnedTable, StaticBase } from './expert/table.ts'
export type { TrainingPair, TrainingQuery, TrainingSet } from './expert/pairs.ts'
export { adapterFile, baseFiles, tableFile } from './files.ts'
export { dequantizeRows, quantizeRows, type QuantizedRows } from './quantize.ts'
export { buildPilots, type BuildPilotsOptions, type BuiltPilots, type PilotSet } from './build-pilots.ts'
export { heldOutQueries } from './held-out.ts'
export { meanNdcg10 } from './ranking.ts'
export type { TrainingProgress } from './progress.ts'
export {
  trainIntoPack,
  type PackTraining,
  type PackTrainingProgress,
  type TrainingMethod,
  type TrainIntoPackOptions,
} from '../pack-training/train-into-pack.ts'
export { addToPack, type AddToPackOptions, type AddedExpert } from '../pack-training/add-to-pack.ts'
export type { ExpertSource } from '../pack-training/source.ts'
export { removeFromPack, type RemoveFromPackOptions, type RemovedExpert } from '../pack-training/remove-from-pack.ts'
export { describeExpert, type ExpertCost, type ExpertDetails } from '../pack-training/describe-expert.ts'
export type { ExpertFigures, RetrievalScores } from '../pack-training/figures.ts'
export type { NewcomerFigures } from '../routing/newcomer-figures.ts'
export { readPairs, type PairFile, type PairProblem, type ReadPairsOptions } from '../pairs/read-pairs.ts'
export { pairsFromDocuments, type PairsFromDocumentsOptions, type SourceText } from '../pairs/from-documents.ts'
export { releasedRecipes, type Distillation, type LossSettings, type TaskRecipe } from './losses/loss.ts'
export { setsFromSamples, type SetsFromSamples, type SetsFromSamplesOptions, type UnusedReason } from './samples.ts'
export { causalLanguageModel, type CausalLanguageModelOptions } from '../language-model/causal.ts'
export { endpointLanguageModel, type EndpointLanguageModelOptions } from '../language-model/endpoint.ts'
export type { LanguageModel, LanguageModelOptions, Likelihood, Prompt, SampleOptions } from '../language-model/language-model.ts'
export { crossEncoderReward, type CrossEncoderRewardOptions } from '../rewards/cross-encoder.ts'
export { estimateReward, type EstimateOptions, type RewardEstimate } from '../rewards/estimate.ts'
export { functionReward } from '../rewards/function.ts'
export { likelihoodReward } from '../rewards/likelihood.ts'
export { rankReward, type RankRewardOptions } from '../rewards/rank.ts'
export type { Reward, RewardCost, RewardedSample, RewardOptions } from '../rewards/reward.ts'
export { scoreFile, type ScoredFile, type ScoreFileOptions, type ScoringProgress } from '../rewards/score-file.ts'
export type { RewardProblem } from '../rewards/lines.ts'
export type { ScoredTask } from '../rewards/tally.ts'
export { trainExperts } from '../task-training/train-experts.ts'
export type { TaskTraining, TrainedExperts, TrainExpertsOptions, TrainExpertsProgress } from '../task-training/options.ts'
export type { TaskComparison, TaskSystem } from '../task-training/comparison.ts'
export { taskComparisonTable } from '../task-training/table.ts'
