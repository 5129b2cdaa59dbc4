import Gateway
import Testing

@Suite struct `Ed25519 signatures` {
  struct Vector: Sendable {
    var seed: String
    var publicKey: String
    var text: String
    var signature: String
  }

  /// RFC 8032, section 7.1, tests 1 to 3.
  static let vectors: [Vector] = [
    Vector(
      seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", text: "",
      signature: "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        + "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
    Vector(
      seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", text: "72",
      signature: "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
    Vector(
      seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", text: "af82",
      signature: "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        + "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
  ]

  @Test(arguments: vectors)
  func `agrees with RFC 8032`(vector: Vector) throws {
    let key = try #require(Ed25519.PrivateKey(bytes: try bytes(vector.seed)))
    let text = try bytes(vector.text)
    #expect(key.publicKey.bytes == (try bytes(vector.publicKey)))
    let signature = try key.signature(ofArray: text)
    #expect(signature == (try bytes(vector.signature)))
    #expect(key.publicKey.verifies(signature, ofArray: text))
  }

  @Test func `verifies nothing that was changed by one bit`() throws {
    let key = try Ed25519.PrivateKey()
    let text = Array("river-1 4.12".utf8)
    let signature = try key.signature(ofArray: text)
    #expect(key.publicKey.verifies(signature, ofArray: text))
    for bit in 0..<signature.count * 8 {
      var changed = signature
      changed[bit / 8] ^= 1 << (bit % 8)
      #expect(!key.publicKey.verifies(changed, ofArray: text))
    }
    for bit in 0..<text.count * 8 {
      var changed = text
      changed[bit / 8] ^= 1 << (bit % 8)
      #expect(!key.publicKey.verifies(signature, ofArray: changed))
    }
    #expect(!key.publicKey.verifies(Array(signature.dropLast()), ofArray: text))
    #expect(!(try Ed25519.PrivateKey()).publicKey.verifies(signature, ofArray: text))
  }

  @Test func `reads the keys that it writes and raw ones`() throws {
    let key = try Ed25519.PrivateKey()
    #expect(Ed25519.PrivateKey(text: key.pem)?.publicKey == key.publicKey)
    #expect(Ed25519.PublicKey(text: key.publicKey.pem) == key.publicKey)
    let raw = Base64URL.encode(array: key.publicKey.bytes)
    #expect(Ed25519.PublicKey(text: raw) == key.publicKey)
    #expect(Ed25519.PublicKey(text: raw + [0x0A]) == key.publicKey)
    #expect(Ed25519.PublicKey(text: raw + [0x0A, 0x0A]) == nil)
    #expect(Ed25519.PublicKey(bytes: [1, 2, 3]) == nil)
    #expect(Ed25519.PrivateKey(bytes: []) == nil)
  }

  /// A P-256 public key, as `openssl ecparam` writes it: a good key of the wrong kind.
  static let wrongKind = """
    -----BEGIN PUBLIC KEY-----
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAExs8IJ6H7L+CYF38d03lpYBWhudkA
    unAjDy3KptvpPWPXiSiKH1t2Hx4fu4DTon8xDaP3YJvo+jXO31ZOkRfuzQ==
    -----END PUBLIC KEY-----
    """

  @Test(arguments: ["", "-----BEGIN PUBLIC KEY-----\n", "hello", wrongKind])
  func `takes nothing else for a key`(text: String) {
    #expect(Ed25519.PublicKey(text: Array(text.utf8)) == nil)
    #expect(Ed25519.PrivateKey(text: Array(text.utf8)) == nil)
  }

  @Test func `takes a public key for no private one and the reverse`() throws {
    let key = try Ed25519.PrivateKey()
    #expect(Ed25519.PrivateKey(text: key.publicKey.pem) == nil)
    #expect(Ed25519.PublicKey(text: key.pem) == nil)
  }

  @Test func `shows nothing of a private key when printed`() throws {
    let key = try Ed25519.PrivateKey()
    var dumped = ""
    dump(key, to: &dumped)
    #expect(dumped == "- Ed25519.PrivateKey\n")
    #expect("\(key)" == "Ed25519.PrivateKey")
  }
}
