import Gateway
import Testing

@Suite struct `SHA-256` {
  /// The examples of FIPS 180-4, as NIST publishes them.
  static let vectors: [(String, String)] = [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      String(repeating: "a", count: 1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    ),
  ]

  @Test(arguments: vectors)
  func `agrees with the standard's examples`(text: String, hash: String) {
    #expect(SHA256Hash.hex(of: Array(text.utf8)) == hash)
  }

  @Test func `is the same in pieces of any length`() {
    let bytes = (0..<300).map { UInt8(truncatingIfNeeded: $0 * 7) }
    let whole = SHA256Hash(ofArray: bytes)
    for length in 1...130 {
      var hasher = SHA256()
      for start in stride(from: 0, to: bytes.count, by: length) {
        hasher.add(bytes[start..<min(start + length, bytes.count)].span)
      }
      #expect(hasher.finish() == whole)
      #expect(hasher.finish() == whole)
    }
  }

  @Test func `reads back the hexadecimal digits that it writes and no others`() {
    let hash = SHA256Hash(ofArray: [1, 2, 3])
    #expect(SHA256Hash(hex: hash.hex) == hash)
    #expect(SHA256Hash(array: hash.bytes) == hash)
    #expect(SHA256Hash(hex: hash.hex.uppercased()) == nil)
    #expect(SHA256Hash(hex: String(hash.hex.dropLast())) == nil)
    #expect(SHA256Hash(hex: String(hash.hex.dropLast(2))) == nil)
    #expect(SHA256Hash(hex: "\(hash.hex)00") == nil)
  }
}

@Suite struct `HMAC-SHA-256` {
  struct Vector: Sendable {
    var key: [UInt8]
    var text: [UInt8]
    var code: String
  }

  /// RFC 4231, sections 4.2 to 4.8; case 5 publishes 128 bits only.
  static let vectors: [Vector] = [
    Vector(
      key: Array(repeating: 0x0b, count: 20), text: Array("Hi There".utf8),
      code: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    Vector(
      key: Array("Jefe".utf8), text: Array("what do ya want for nothing?".utf8),
      code: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    Vector(
      key: Array(repeating: 0xaa, count: 20), text: Array(repeating: 0xdd, count: 50),
      code: "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    Vector(
      key: Array(1...25), text: Array(repeating: 0xcd, count: 50),
      code: "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
    Vector(
      key: Array(repeating: 0x0c, count: 20), text: Array("Test With Truncation".utf8),
      code: "a3b6167473100ee06e0c796c2955552b"),
    Vector(
      key: Array(repeating: 0xaa, count: 131),
      text: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
      code: "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
    Vector(
      key: Array(repeating: 0xaa, count: 131),
      text: Array(
        ("This is a test using a larger than block-size key and a larger than block-size data. "
          + "The key needs to be hashed before being used by the HMAC algorithm.").utf8),
      code: "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
  ]

  @Test(arguments: vectors)
  func `agrees with RFC 4231`(vector: Vector) {
    let authentication = MessageAuthentication(keyArray: vector.key)
    #expect(authentication.code(forArray: vector.text).hex.hasPrefix(vector.code))
    #expect(authentication.code(forArray: vector.text).hex.hasPrefix(vector.code), "The key's states have changed")
  }

  @Test func `agrees with its definition for every length of text around a block`() {
    let key = Array("0123456789abcdef0123456789abcdef".utf8)
    let authentication = MessageAuthentication(keyArray: key)
    let padded = key + [UInt8](repeating: 0, count: 64 - key.count)
    for length in 0...200 {
      let text = (0..<length).map { UInt8(truncatingIfNeeded: $0) }
      let inner = SHA256Hash(ofArray: (padded.map { $0 ^ 0x36 } + text)).bytes
      let outer = SHA256Hash(ofArray: (padded.map { $0 ^ 0x5c } + inner))
      #expect(authentication.code(forArray: text) == outer)
    }
  }

  @Test func `shows nothing of its key when printed`() {
    let authentication = MessageAuthentication(keyArray: [1, 2, 3])
    var dumped = ""
    dump(authentication, to: &dumped)
    #expect("\(authentication)" == "MessageAuthentication")
    #expect(dumped == "- MessageAuthentication\n")
  }
}
