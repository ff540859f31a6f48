export type {
  AddExpertOptions,
  AddOptions,
  AddProgress,
  AddResult,
  Diversity,
  DocumentSource,
  Engine,
  ExpertInfo,
  Experts,
  Hit,
  Retrieval,
  RetrieveOptions,
  RouteOptions,
} from './engine.ts'
export type { Document, Filter, FilterCondition, FilterScalar, Metadata, MetadataValue, Selection } from './document.ts'
export type { Vector } from './vector.ts'
export type { EncodeOptions, Encoder, Truncation } from './encoder/encoder.ts'
export { adaptedEncoder, lowRankAdapter } from './encoder/adapted.ts'
export type { LowRankWeights, QueryAdapter } from './encoder/adapted.ts'
export { endpointEncoder } from './encoder/endpoint.ts'
export type { EndpointOptions } from './encoder/endpoint.ts'
export type { DownloadProgress, HubOptions } from './encoder/hub.ts'
export { instructionEncoder } from './encoder/instruction.ts'
export { loraEncoder } from './encoder/lora.ts'
export { readPeft, writePeft } from './encoder/lora/peft.ts'
export type { PeftAdapter, PeftConfig, PeftDType, WritePeftOptions } from './encoder/lora/peft.ts'
export type { LoraModule, LoraWeights } from './encoder/lora/weights.ts'
export { onnxEncoder } from './encoder/onnx.ts'
export type { OnnxEncoderOptions } from './encoder/onnx.ts'
export type { OnnxDType } from './encoder/onnx/file.ts'
export type { Pooling } from './encoder/onnx/settings.ts'
export type { Reading } from './encoder/reading.ts'
export { loadStaticModel } from './encoder/static-model.ts'
export type { StaticModel } from './encoder/static-model.ts'
export { staticEncoder } from './encoder/static.ts'
export type { StaticEncoderOptions, TableChanges } from './encoder/static.ts'
export type {
  AdapterExpert,
  Expert,
  InstructionExpert,
  LexicalExpert,
  LoraExpert,
  ModelExpert,
  RemoteExpert,
  TableExpert,
} from './expert/expert.ts'
export type { ExpertEvidence, ExpertScore, Pilot, Route, Router, RouterQuery, SparseFeatures } from './routing/router.ts'
export type {
  Candidate,
  LexicalOptions,
  ScanPage,
  ScanResult,
  Store,
  StoreEntry,
  StoreInfo,
  StoreOptions,
  StoreQuery,
  StoreResult,
  StoredDocument,
} from './store/store.ts'
export type { FusedHit, Fusion } from './routing/fusion.ts'
export {
  AdapterMismatchError,
  InvalidScoreError,
  LanguageModelFailedError,
  MissingTokenError,
  PromptTooLongError,
  ScoringStoppedError,
  ClosedError,
  DimensionMismatchError,
  DownloadError,
  DuplicateExpertError,
  DuplicateIdError,
  EncoderFailedError,
  IndexCorruptError,
  IndexLockedError,
  IndexMismatchError,
  IndexNotFoundError,
  IndexReadOnlyError,
  InvalidArgumentError,
  InvalidDataError,
  InvalidDocumentError,
  InvalidFilterError,
  InvalidModelError,
  UnsupportedGraphError,
  InvalidPackError,
  InvalidVectorError,
  MissingPackageError,
  ModelNotFoundError,
  NoExpertsError,
  OfflineError,
  PackNotWrittenError,
  PilotfishError,
  StorageError,
  TrainingRefusedError,
  UnknownExpertError,
  UnknownTaskError,
  UnsupportedError,
  WorkerFailedError,
} from './errors.ts'
export type { ErrorCode } from './errors.ts'
export { createEngine } from './engine/create.ts'
export type { EngineParts } from './engine/create.ts'
export { pilotRouter } from './routing/pilot-router.ts'
export { textRouter } from './routing/text-router.ts'
export { fusion } from './routing/convex-fusion.ts'
export { embeddedStore, type EmbeddedStoreOptions } from './store/embedded.ts'
export { memoryStore } from './store/memory.ts'
export { chunkQuery } from './tasks/chunk.ts'
export type { ChunkOptions } from './tasks/chunk.ts'
export { conversationQuery } from './tasks/conversation.ts'
export type { HistoryOptions } from './tasks/conversation.ts'
export { dialogueKey, dialogueQuery, dialogueTurns } from './tasks/dialogue.ts'
export type { ChatMessage, DialogueTurn } from './tasks/dialogue.ts'
export { exampleKey, exampleQuery } from './tasks/example.ts'
export type { WorkedExample } from './tasks/example.ts'
export { functionTool } from './tasks/function-tool.ts'
export type { FunctionDefinition, JsonSchema } from './tasks/function-tool.ts'
export { llmEmbedder } from './tasks/llm-embedder.ts'
export type { LlmEmbedderOptions } from './tasks/llm-embedder.ts'
export { readSamples } from './tasks/read-samples.ts'
export type { ReadSamplesOptions } from './tasks/read-samples.ts'
export type { TaskSample } from './tasks/sample.ts'
export { isRetrievalTask, retrievalTasks, taskInstructions } from './tasks/task.ts'
export type { RetrievalTask, TaskInstruction } from './tasks/task.ts'
export { taskEncoders } from './tasks/task-encoders.ts'
export type { TaskEncoders } from './tasks/task-encoders.ts'
export { toolKey } from './tasks/tool.ts'
export type { ToolDescription, ToolParameter } from './tasks/tool.ts'
export { bundledPack } from './load-pack.ts'
export { openPilotfish } from './open.ts'
export type { OpenExpert, OpenOptions } from './open.ts'
