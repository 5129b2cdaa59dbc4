/// How far each stream was counted and delivered.
package struct StreamTable: Sendable {
  private struct Stream: Sendable {
    var last: UInt64
    /// The lowest sequence that is neither acknowledged nor lost; nil when all is delivered.
    var firstUnacknowledged: UInt64?

    var deliveredThrough: UInt64 { firstUnacknowledged.map { $0 - 1 } ?? last }
  }

  /// Why a sequence was not taken.
  package enum Refusal: Error, Sendable, Hashable {
    /// Numbers are missing before it.
    case gap(expected: UInt64)
    /// The number was used already.
    case repeated(last: UInt64)
  }

  package let epoch: String
  private var streams: [String: Stream] = [:]
  /// Streams whose first unacknowledged number was acknowledged: the next is to be looked up.
  package private(set) var toLookUp: Set<String> = []

  package init(epoch: String, openings: [Ledger.StreamOpening]) {
    self.epoch = epoch
    for opening in openings {
      streams[opening.stream] = Stream(last: opening.last, firstUnacknowledged: opening.firstUnacknowledged)
    }
  }

  /// How many streams there are, not counting `stream`.
  package func count(besides stream: String) -> Int { streams.count - (streams[stream] == nil ? 0 : 1) }

  package var names: [String] { Array(streams.keys) }

  package var lastSequences: [String: UInt64] { streams.mapValues(\.last) }

  package func head(of stream: String) -> StreamHead {
    let known = streams[stream] ?? Stream(last: 0)
    return StreamHead(stream: stream, epoch: epoch, last: known.last, deliveredThrough: known.deliveredThrough)
  }

  package func isDelivered(_ stream: String) -> Bool { streams[stream]?.firstUnacknowledged == nil }

  /// Takes the next number of a stream.
  ///
  /// After a refused gap the count goes on from the refused number, so that one fault does not silence the stream.
  ///
  /// - Parameter mayLeap: whether numbers were dropped knowingly, so that a gap is right.
  package mutating func take(
    _ sequence: UInt64, of stream: String, mayLeap: Bool
  ) throws(Refusal) {
    var known = streams[stream] ?? Stream(last: 0)
    guard sequence > known.last else { throw .repeated(last: known.last) }
    let expected = known.last + 1
    known.last = sequence
    guard sequence == expected || mayLeap else {
      streams[stream] = known
      throw .gap(expected: expected)
    }
    if known.firstUnacknowledged == nil { known.firstUnacknowledged = sequence }
    streams[stream] = known
  }

  /// A number was acknowledged, or lost for good.
  package mutating func settled(_ sequence: UInt64, of stream: String) {
    if streams[stream]?.firstUnacknowledged == sequence { toLookUp.insert(stream) }
  }

  package mutating func lookedUp(_ stream: String, first: UInt64?) {
    streams[stream]?.firstUnacknowledged = first
    toLookUp.remove(stream)
  }
}
