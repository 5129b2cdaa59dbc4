import Observations

/// The earlier messages of one alert, oldest first: what a CAP Update or Cancel refers to.
///
/// All of them up to `limit`, then the first and the newest of the rest. It is saved with every message, so its memory is
/// one short text: about six bytes a message that followed the one before it by 90 minutes.
public struct ReferenceChain: Sendable, Hashable {
  /// Thirty days of renewals every 90 minutes, and as many updates again as half of them. A CAP document with all of them
  /// has some 65 kB of references.
  public static let limit = 720

  private var references: [Alert.Reference] = []

  /// No message yet.
  public init() {}

  /// These messages, as far as the limit lets them in.
  public init(_ references: some Sequence<Alert.Reference>) {
    for reference in references { append(reference) }
  }

  /// Adds a message; beyond the limit the second oldest goes, whose successors are still named.
  public mutating func append(_ reference: Alert.Reference) {
    references.append(reference)
    if references.count > Self.limit { references.remove(at: 1) }
  }
}

extension ReferenceChain: RandomAccessCollection, ExpressibleByArrayLiteral {
  public init(arrayLiteral elements: Alert.Reference...) { self.init(elements) }
  public var startIndex: Int { 0 }
  public var endIndex: Int { references.count }
  public subscript(position: Int) -> Alert.Reference { references[position] }
}

extension ReferenceChain: Codable {
  private static let radix = 36

  /// Each message as its distance from the one before, in milliseconds to the base 36; before it, with a colon, that of
  /// the revisions, where it is not 1.
  private var text: String {
    var text = ""
    var last = Alert.Reference(revision: 0, sent: WallTime(milliseconds: 0))
    for reference in references {
      if !text.isEmpty { text += " " }
      let step = reference.revision - last.revision
      if step != 1 { text += "\(String(step, radix: Self.radix)):" }
      text += String(reference.sent.milliseconds - last.sent.milliseconds, radix: Self.radix)
      last = reference
    }
    return text
  }

  /// Nil for what is no such text.
  private init?(_ text: String) {
    var last = Alert.Reference(revision: 0, sent: WallTime(milliseconds: 0))
    for word in text.split(separator: " ") {
      let parts = word.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count <= 2, let step = parts.count == 2 ? Int(parts[0], radix: Self.radix) : 1,
        let distance = Int64(parts[parts.count - 1], radix: Self.radix)
      else { return nil }
      let (revision, isTooFar) = last.revision.addingReportingOverflow(step)
      let (sent, isTooLate) = last.sent.milliseconds.addingReportingOverflow(distance)
      guard !isTooFar, !isTooLate else { return nil }
      last = Alert.Reference(revision: revision, sent: WallTime(milliseconds: sent))
      append(last)
    }
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    // Older records hold the list itself.
    guard let text = try? container.decode(String.self) else {
      self.init(try container.decode([Alert.Reference].self))
      return
    }
    guard let chain = ReferenceChain(text) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "no chain of references")
    }
    self = chain
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}
