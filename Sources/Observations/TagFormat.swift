/// The format of a tag's advertisement: a part of what is hashed, and of what recordings show.
///
/// Open: a `[[tag_format]]` of the configuration adds one by its name. Holds the name itself, so that comparing and
/// hashing one costs nothing.
public struct TagFormat: Sendable, Hashable {
  /// No name is longer, in characters.
  public static let longestName = 16

  private let first: UInt64
  private let second: UInt64

  /// Returns nil unless `name` is 1 to 16 characters of `a-z`, `0-9` and hyphens.
  public init?(name: some StringProtocol) {
    guard (1...Self.longestName).contains(name.utf8.count) else { return nil }
    var words: (UInt64, UInt64) = (0, 0)
    for (index, character) in name.utf8.enumerated() {
      switch character {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): break
      default: return nil
      }
      if index < 8 {
        words.0 |= UInt64(character) << UInt64(8 * index)
      } else {
        words.1 |= UInt64(character) << UInt64(8 * (index - 8))
      }
    }
    (first, second) = words
  }

  private init(builtIn name: String) {
    guard let format = TagFormat(name: name) else { preconditionFailure("\(name) is no name of a tag format") }
    self = format
  }

  /// The characters of the word before the colon in the hashed text, in ASCII.
  public var characters: [UInt8] {
    var characters: [UInt8] = []
    characters.reserveCapacity(Self.longestName)
    forEachCharacter { characters.append($0) }
    return characters
  }

  /// Calls `body` with each character of the name, without making an array of them.
  public func forEachCharacter(_ body: (UInt8) -> Void) {
    var (word, rest) = (first, second)
    while word != 0 {
      body(UInt8(truncatingIfNeeded: word))
      word >>= 8
      if word == 0 { swap(&word, &rest) }
    }
  }

  /// The word before the colon in the hashed text and in recordings.
  public var name: String { String(decoding: characters, as: UTF8.self) }
}

// MARK: The formats that every gateway knows

extension TagFormat {
  public static let iBeacon = TagFormat(builtIn: "ibeacon")
  public static let altBeacon = TagFormat(builtIn: "altbeacon")
  public static let eddystoneUID = TagFormat(builtIn: "eddystone-uid")
  public static let lineSimpleBeacon = TagFormat(builtIn: "line")
  /// Eddystone-EID: 8 bytes that change every 2^K seconds. Only who holds the tag's key knows whose they are.
  public static let eddystoneEID = TagFormat(builtIn: "eddystone-eid")
  /// A resolvable private address (Bluetooth Core, Vol 6, Part B, 1.3.2.2): the 6 bytes of the radio address as people
  /// write it, which change every quarter of an hour or so.
  public static let resolvableAddress = TagFormat(builtIn: "rpa")

  /// Formats whose identifiers stay the same, so that a watch list can name them by their hash.
  public static let fixed: [TagFormat] = [.iBeacon, .altBeacon, .eddystoneUID, .lineSimpleBeacon]
  /// Formats whose identifiers change, so that a watch list names the key that resolves them.
  public static let rotating: [TagFormat] = [.eddystoneEID, .resolvableAddress]

  public var isRotating: Bool { self == .eddystoneEID || self == .resolvableAddress }

  /// How many bytes an identifier of this format has; nil for a configured format.
  public var identifierLength: Int? {
    switch self {
    case .iBeacon, .altBeacon: 20
    case .eddystoneUID: 16
    case .eddystoneEID: 8
    case .resolvableAddress: 6
    case .lineSimpleBeacon: 5
    default: nil
    }
  }
}
