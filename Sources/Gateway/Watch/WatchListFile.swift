/// A watch list as one file that is brought by hand: the signed manifest in the first line, then each part in a line of
/// its own, in order.
public struct WatchListFile: Sendable {
  /// The longest file: the manifest and as many parts as it may name, each with its line end.
  public static let maximumBytes =
    JSONWebSignature.maximumBytes + 1 + WatchListManifest.maximumParts * (WatchListManifest.maximumPartBytes + 1)

  /// The manifest's JWS, not yet verified.
  public let manifest: [UInt8]
  /// The parts' bytes, not yet compared with the manifest.
  public let parts: [ArraySlice<UInt8>]

  /// A list that came in pieces, such as from a broker.
  public init(manifest: [UInt8], parts: [ArraySlice<UInt8>]) {
    self.manifest = manifest
    self.parts = parts
  }

  /// Takes a file's lines apart and looks at nothing in them.
  public init(bytes: [UInt8]) throws(WatchListRefusal) {
    guard bytes.count <= Self.maximumBytes else {
      throw WatchListRefusal(
        .tooLong, "the file has \(bytes.count) bytes, more than \(Self.maximumBytes)", "check that it is the right file"
      )
    }
    let whole = bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...]
    guard !whole.isEmpty else {
      throw WatchListRefusal(.malformed, "the file is empty", "make it with 'mimamori-gateway sign'")
    }
    var lines = whole.split(
      separator: UInt8(ascii: "\n"), maxSplits: WatchListManifest.maximumParts + 1, omittingEmptySubsequences: false)
    manifest = Array(lines.removeFirst())
    // Slices: a long list is held in memory once.
    parts = lines
  }

  /// The file's bytes.
  public var bytes: [UInt8] {
    var bytes = manifest + [UInt8(ascii: "\n")]
    for part in parts {
      bytes += part
      bytes.append(UInt8(ascii: "\n"))
    }
    return bytes
  }

  /// Throws unless the parts are exactly those that `manifest` names.
  func check(against manifest: WatchListManifest) throws(WatchListRefusal) {
    guard parts.count >= manifest.parts.count else {
      throw WatchListRefusal(
        .incomplete, "it has \(parts.count) of \(manifest.parts.count) parts", "transfer the file again")
    }
    guard parts.count == manifest.parts.count else {
      throw WatchListRefusal(
        .incomplete, "something follows part \(manifest.parts.count), which is the last",
        "transfer the file again, as binary")
    }
    for (expected, part) in zip(manifest.parts, parts) {
      guard part.count == expected.bytes else {
        throw WatchListRefusal(
          .altered, "part \(expected.number) has \(part.count) bytes where \(expected.bytes) were signed",
          "transfer the file again, as binary")
      }
      guard SHA256Hash(of: part.span).hex == expected.sha256 else {
        throw WatchListRefusal(
          .altered, "part \(expected.number) is not the one that was signed", "transfer the file again, as binary")
      }
    }
  }
}
