import { type BaseNode, jsonToNode, MetadataMode, ObjectType, TextNode } from '@llamaindex/core/schema'
import { type Document, type Metadata, UnsupportedError } from 'pilotfish'

/** Metadata keys of ours. The last three are LlamaIndex's names for a node's source document, which its users filter on. */
const reserved = ['_node', '_node_id', 'doc_id', 'document_id', 'ref_doc_id'] as const

const textual: ReadonlySet<unknown> = new Set([ObjectType.TEXT, ObjectType.INDEX, ObjectType.DOCUMENT])

/**
 * A node as Pilotfish stores it: its metadata stay filterable, everything else that `toNode` needs lies in `_node`,
 * which filters do not see. A string under `metadata.title` becomes the title, which weighs more than the text, unless
 * the node keeps it from being embedded.
 * @throws UnsupportedError for images
 */
export function toDocument(node: BaseNode): Document {
  if (node.type === ObjectType.IMAGE || node.type === ObjectType.IMAGE_DOCUMENT) {
    throw new UnsupportedError(
      `The node ${JSON.stringify(node.id_)} is an image, but Pilotfish embeds text.`,
      'Add a description of it as a TextNode, and keep images in a vector store of their own under ModalityType.IMAGE.',
    )
  }
  const json = node.toJSON() as NodeJson & { metadata: Metadata }
  const { id_, text, metadata, embedding: _embedding, hash: _hash, ...rest } = json
  const source = node.sourceNode?.nodeId
  const own = Object.fromEntries(reserved.filter((key) => key in metadata).map((key) => [key, metadata[key]]))
  const title = metadata['title']
  return {
    id: id_,
    text: text ?? node.getContent(MetadataMode.NONE),
    ...(typeof title === 'string' && !node.excludedEmbedMetadataKeys.includes('title') && { title }),
    metadata: {
      ...(source !== undefined && { doc_id: source, document_id: source }),
      ...metadata,
      ...(source !== undefined && { ref_doc_id: source }),
      _node_id: id_,
      _node: { ...rest, ...(Object.keys(own).length > 0 && { metadata: own }) },
    } as Metadata,
  }
}

/** The node that `toDocument` was given; a `TextNode`, its title among the metadata, for a document that came in another way. */
export function toNode(document: Document): BaseNode {
  const { id, text, title, metadata = {} } = document
  const json = metadata['_node'] as NodeJson | null | undefined
  if (!json || !textual.has(json.type)) {
    return new TextNode({ id_: id, text, metadata: { ...(title && { title }), ...structuredClone(metadata) } })
  }
  const rest = Object.fromEntries(Object.entries(metadata).filter(([key]) => !(reserved as readonly string[]).includes(key)))
  const { metadata: own, startCharIdx, endCharIdx, ...init } = structuredClone(json)
  const node = jsonToNode({ ...init, id_: id, text, metadata: { ...structuredClone(rest), ...own } }) as TextNode
  // Assigned, because the constructor takes the position 0 for none.
  if (startCharIdx !== undefined) node.startCharIdx = startCharIdx
  if (endCharIdx !== undefined) node.endCharIdx = endCharIdx
  return node
}

interface NodeJson {
  readonly id_: string
  readonly type: ObjectType
  readonly text?: string
  readonly embedding?: unknown
  readonly hash?: string
  readonly metadata?: Metadata
  readonly startCharIdx?: number
  readonly endCharIdx?: number
}
