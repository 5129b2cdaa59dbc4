/// Cuts a stream of bytes into lines. A line has at most 256 bytes: what is longer is dropped up to its end.
public struct LineCollector: Sendable {
  public static let maximumLength = 256

  /// The line that `feed` has found, without its end.
  public private(set) var line: [UInt8] = []
  /// How many lines were too long.
  public private(set) var overlong: UInt64 = 0

  private let terminator: [UInt8]
  private var bytes: [UInt8] = []
  private var isOverlong = false
  private var isFresh = true

  /// - Parameter terminator: what ends a line; empty: each carriage return and each line feed.
  public init(terminator: [UInt8] = []) {
    self.terminator = terminator
    bytes.reserveCapacity(Self.maximumLength + terminator.count)
  }

  /// Whether bytes of an unfinished line are held.
  public var isUnderWay: Bool { !bytes.isEmpty || isOverlong }

  /// Forgets what has come of an unfinished line.
  public mutating func discard() {
    bytes.removeAll(keepingCapacity: true)
    isOverlong = false
  }

  /// Takes one byte. Returns whether a line that is not empty ends with it.
  public mutating func feed(_ byte: UInt8) -> Bool {
    if isFresh { line.removeAll(keepingCapacity: true) }
    isFresh = false
    bytes.append(byte)
    guard let length = lengthOfEnd() else {
      if bytes.count > Self.maximumLength + terminator.count {
        // What may be the beginning of the end stays.
        bytes.removeFirst(bytes.count - max(terminator.count, 1))
        isOverlong = true
      }
      return false
    }
    let isLine = !isOverlong && bytes.count > length
    if isOverlong { overlong += 1 }
    line.removeAll(keepingCapacity: true)
    if isLine { line.append(contentsOf: bytes.dropLast(length)) }
    discard()
    isFresh = true
    return isLine
  }

  /// How many bytes the end of the line takes, if the line ends here.
  private func lengthOfEnd() -> Int? {
    guard !terminator.isEmpty else {
      return bytes.last == UInt8(ascii: "\r") || bytes.last == UInt8(ascii: "\n") ? 1 : nil
    }
    return bytes.count >= terminator.count && bytes.suffix(terminator.count).elementsEqual(terminator)
      ? terminator.count : nil
  }
}
