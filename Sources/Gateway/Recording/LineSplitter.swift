/// Cuts a stream of bytes into lines, whatever the pieces it arrives in.
public struct LineSplitter: Sendable {
  /// A line longer than this is no line of a recording.
  public static let longestLine = 65_536

  private var carried: [UInt8] = []
  /// How many lines were handed on.
  public private(set) var lines = 0

  public init() {}

  /// Hands on each line that `bytes` completes, without its line feed.
  public mutating func feed<Failure: Error>(
    _ bytes: Span<UInt8>, _ each: (Span<UInt8>) throws(Failure) -> Void
  ) throws(Failure) {
    var start = 0
    for index in 0..<bytes.count where bytes[index] == UInt8(ascii: "\n") {
      lines += 1
      if carried.isEmpty {
        try each(bytes.extracting(start..<index))
      } else {
        carry(bytes.extracting(start..<index))
        let line = carried
        carried.removeAll(keepingCapacity: true)
        try each(line.span)
      }
      start = index + 1
    }
    carry(bytes.extracting(start..<bytes.count))
  }

  /// Hands on what follows the last line feed, if anything does.
  public mutating func finish<Failure: Error>(_ each: (Span<UInt8>) throws(Failure) -> Void) throws(Failure) {
    guard !carried.isEmpty else { return }
    lines += 1
    let line = carried
    carried.removeAll()
    try each(line.span)
  }

  /// Keeps the piece for later; of a line that is too long, one byte more than is allowed.
  private mutating func carry(_ piece: Span<UInt8>) {
    let room = Self.longestLine + 1 - carried.count
    let kept = min(room, piece.count)
    carried.reserveCapacity(carried.count + kept)
    for index in 0..<kept { carried.append(piece[index]) }
  }
}
