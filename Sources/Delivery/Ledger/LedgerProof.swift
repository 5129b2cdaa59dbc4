/// One message of the ledger, as `ledger show` prints it. A person appears by pseudonym only, and without a topic.
public struct LedgerRow: Sendable, Hashable {
  /// Where a message stands on its way.
  public enum Progress: Sendable, Hashable {
    /// Not handed to the broker yet.
    case stored
    /// Its bytes are fixed: it was handed over, or was about to be.
    case frozen
    /// By the wall clock, in milliseconds since 1970.
    case acknowledged(milliseconds: Int64)
    /// Too many notices waited for the broker: this one was never sent.
    case givenUp
  }

  /// Counts all messages of this ledger.
  public var row: Int64
  public var stream: String
  /// Nil for a second form, such as CAP.
  public var sequence: UInt64?
  public var id: String
  public var revision: Int
  /// Nil for a person's message: it would say nothing that the stream does not.
  public var topic: String?
  /// On the monotonic clock of `boot`, in nanoseconds.
  public var detectedNanoseconds: Int64
  public var boot: String
  /// When it was stored, by the wall clock, in milliseconds since 1970.
  public var createdMilliseconds: Int64
  public var progress: Progress
  /// Bytes of the message.
  public var length: Int
  /// What is kept beside it and was never sent: of an answer, who commanded what, and what came of it.
  public var note: String?
}

/// What a look through the whole ledger found.
public struct LedgerProof: Sendable, Hashable {
  /// What was found about one stream.
  public struct Stream: Sendable, Hashable {
    public var stream: String
    /// History up to this number was removed as old; 0 when all is there.
    public var prunedThrough: UInt64
    public var last: UInt64
    public var deliveredThrough: UInt64
    public var messages: Int
    public var acknowledged: Int
    public var givenUp: Int
    /// Numbers above `prunedThrough` that are not there: at most the first 100.
    public var missing: [UInt64]
    /// Those of them that were sent from memory while the ledger could not be written, and never stored.
    public var unstored: [ClosedRange<UInt64>] = []
  }

  public var epoch: String
  public var previousEpoch: String?
  /// Sorted by name, `alert` first, then `command`.
  public var streams: [Stream]
  /// Messages without a sequence: second forms.
  public var secondForms: Int
  /// Acknowledged messages whose bytes were never fixed: there must be none.
  public var acknowledgedUnfrozen: Int
  /// What SQLite's own check of the file says against it.
  public var damage: [String]
  /// The chain of hashes; nil for a ledger that has none yet.
  public var chain: LedgerChainProof?

  /// Whether every sequence is whole and nothing contradicts.
  public var isWhole: Bool {
    damage.isEmpty && acknowledgedUnfrozen == 0 && chain?.breaks.isEmpty ?? true
      && streams.allSatisfy { $0.missing.isEmpty && $0.unstored.isEmpty }
  }
}

extension LedgerProof.Stream {
  /// Adds numbers that are known to be missing; what is stored was added before.
  mutating func add(unstored numbers: ClosedRange<UInt64>, limit: Int) {
    unstored.append(numbers)
    guard numbers.upperBound > last else { return }
    for number in max(numbers.lowerBound, last + 1)...numbers.upperBound where missing.count < limit {
      missing.append(number)
    }
    if deliveredThrough == last { deliveredThrough = numbers.upperBound }
    last = numbers.upperBound
  }

  /// Adds the next message in the order of sequences.
  mutating func add(_ sequence: UInt64, isOpen: Bool, isGivenUp: Bool, limit: Int) {
    var expected = last + 1
    while expected < sequence, missing.count < limit {
      missing.append(expected)
      expected += 1
    }
    if isOpen {
      deliveredThrough = min(deliveredThrough, sequence - 1)
    } else if deliveredThrough == last {
      deliveredThrough = sequence
    }
    last = max(last, sequence)
    messages += 1
    if isGivenUp { givenUp += 1 } else if !isOpen { acknowledged += 1 }
  }
}
