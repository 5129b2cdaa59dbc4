import Gateway
import Testing

@Suite struct `JSON Web Signature` {
  let key: Ed25519.PrivateKey
  let authority: SigningAuthority

  init() throws {
    key = try Ed25519.PrivateKey()
    authority = SigningAuthority(
      keyIdentifier: "bousai-2026", publicKey: key.publicKey, rights: ["watchlist", "test"])
  }

  /// Signs `payload` under any header at all.
  private func signed(header: String, payload: String = "{}") throws -> [UInt8] {
    try signed(
      header: Base64URL.encode(array: Array(header.utf8)), payload: Base64URL.encode(array: Array(payload.utf8)))
  }

  private func signed(header: [UInt8], payload: [UInt8]) throws -> [UInt8] {
    let text = header + [UInt8(ascii: ".")] + payload
    let signature = try key.signature(ofArray: text)
    return text + [UInt8(ascii: ".")] + Base64URL.encode(array: signature)
  }

  private func payload(of text: [UInt8]) throws(SigningError) -> [UInt8] {
    try JSONWebSignature(compact: text).payload(ofType: "mimamori-test", right: "test", authorities: [authority])
  }

  /// RFC 8037, appendix A: the key pair, and the signature of A.4.
  @Test func `signs and verifies as RFC 8037 does`() throws {
    let key = try #require(Ed25519.PrivateKey(text: Array("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A".utf8)))
    #expect(Base64URL.encode(array: key.publicKey.bytes) == Array("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".utf8))
    let text = Array("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".utf8)
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    #expect(key.publicKey.verifies(try #require(Base64URL.decode(array: signature.utf8)), ofArray: text))
    #expect(key.publicKey.verifies(try #require(Base64URL.decode(array: signature.utf8)), ofArray: text))
    // It names no key, so it proves nothing here.
    let error = #expect(throws: SigningError.self) {
      try JSONWebSignature(compact: text + Array(".\(signature)".utf8))
    }
    #expect(error == .malformedHeader(reason: "kid is missing"))
  }

  @Test func `reads the payload of what it signs`() throws {
    let text = try JSONWebSignature.sign(
      Array(#"{"do":"test"}"#.utf8), type: "mimamori-test", keyIdentifier: "bousai-2026", with: key)
    #expect(try payload(of: text) == Array(#"{"do":"test"}"#.utf8))
  }

  @Test func `ignores header members that say nothing to it`() throws {
    let text = try signed(
      header: #"{"alg":"EdDSA","kid":"bousai-2026","typ":"mimamori-test","jku":"https://x","jwk":{"a":[1]},"cty":null}"#
    )
    #expect(try payload(of: text) == Array("{}".utf8))
  }

  static let refusals: [(String, SigningError)] = [
    (#"{"alg":"none","kid":"bousai-2026","typ":"mimamori-test"}"#, .wrongAlgorithm("none")),
    (#"{"alg":"HS256","kid":"bousai-2026","typ":"mimamori-test"}"#, .wrongAlgorithm("HS256")),
    (#"{"alg":"eddsa","kid":"bousai-2026","typ":"mimamori-test"}"#, .wrongAlgorithm("eddsa")),
    (#"{"alg":"EdDSA","typ":"mimamori-test"}"#, .malformedHeader(reason: "kid is missing")),
    (#"{"alg":"EdDSA","kid":"bousai-2026"}"#, .malformedHeader(reason: "typ is missing")),
    (#"{"kid":"bousai-2026","typ":"mimamori-test"}"#, .malformedHeader(reason: "alg is missing")),
    (#"{"alg":"EdDSA","kid":7,"typ":"mimamori-test"}"#, .malformedHeader(reason: "kid is of the wrong kind")),
    (
      #"{"alg":"EdDSA","kid":"other","kid":"bousai-2026","typ":"mimamori-test"}"#,
      .malformedHeader(reason: "byte 35: a member is given twice")
    ),
    (#"{"alg":"EdDSA","kid":"bousai-2026","typ":"mimamori-test","crit":["exp"]}"#, .criticalExtension),
    (#"{"alg":"EdDSA","kid":"bousai-2026","typ":"mimamori-test","crit":null}"#, .criticalExtension),
    (
      #"{"alg":"EdDSA","kid":"bousai-2026","typ":"mimamori-watchlist"}"#,
      .wrongType(found: "mimamori-watchlist", expected: "mimamori-test")
    ),
    (
      #"{"alg":"EdDSA","kid":"bousai-2026","typ":"MIMAMORI-TEST"}"#,
      .wrongType(found: "MIMAMORI-TEST", expected: "mimamori-test")
    ),
    (#"{"alg":"EdDSA","kid":"bousai-2025","typ":"mimamori-test"}"#, .unknownKey("bousai-2025")),
    (
      #"{"alg":"EdDSA","kid":"a\nb","typ":"mimamori-test"}"#,
      .malformedHeader(reason: "alg, kid and typ have 1 to 64 letters, digits, full stops, hyphens and underscores")
    ),
    (
      #"{"alg":"EdDSA","kid":"bousai-2026","typ":"mimamori-test","a":1,"b":2,"c":3,"d":4,"e":5,"f":6}"#,
      .malformedHeader(reason: "it has more than 8 members")
    ),
    (#"["EdDSA"]"#, .malformedHeader(reason: "the JSON value is of the wrong kind")),
    ("", .malformedHeader(reason: "byte 1: a JSON value is missing")),
  ]

  @Test(arguments: refusals)
  func `refuses a header that is not exactly right although the signature is`(
    header: String, expected: SigningError
  ) throws {
    let text = try signed(header: header)
    let error = #expect(throws: SigningError.self) { try payload(of: text) }
    #expect(error == expected)
  }

  @Test func `refuses a long header`() throws {
    let text = try signed(
      header: #"{"alg":"EdDSA","kid":"bousai-2026","typ":"mimamori-test","x":"\#(String(repeating: "x", count: 400))"}"#
    )
    #expect(throws: SigningError.malformedHeader(reason: "it has more than 512 characters")) {
      try payload(of: text)
    }
  }

  @Test func `refuses an authority without the right`() throws {
    let text = try JSONWebSignature.sign([], type: "mimamori-test", keyIdentifier: "bousai-2026", with: key)
    #expect(throws: SigningError.withoutRight(keyIdentifier: "bousai-2026", right: "silence")) {
      try JSONWebSignature(compact: text).payload(ofType: "mimamori-test", right: "silence", authorities: [authority])
    }
  }

  @Test func `refuses another key's signature`() throws {
    let other = try Ed25519.PrivateKey()
    let text = try JSONWebSignature.sign([], type: "mimamori-test", keyIdentifier: "bousai-2026", with: other)
    #expect(throws: SigningError.wrongSignature(keyIdentifier: "bousai-2026")) { try payload(of: text) }
  }

  @Test func `verifies before it looks at the payload`() throws {
    let text = try JSONWebSignature.sign(
      Array("{}".utf8), type: "mimamori-test", keyIdentifier: "bousai-2026", with: key)
    let parts = text.split(separator: UInt8(ascii: "."))
    let changed = Array(parts[0]) + Array(".???.".utf8) + Array(parts[2])
    #expect(throws: SigningError.wrongSignature(keyIdentifier: "bousai-2026")) { try payload(of: changed) }
  }

  @Test func `refuses a signed payload that is not base64url`() throws {
    let header = Array(#"{"alg":"EdDSA","kid":"bousai-2026","typ":"mimamori-test"}"#.utf8)
    let text = try signed(header: Base64URL.encode(array: header), payload: Array("e30=".utf8))
    #expect(throws: SigningError.notBase64URL(part: "payload")) { try payload(of: text) }
  }

  @Test(arguments: ["", ".", "..", "a.b", "a.b.c.d", "{\"payload\":\"\"}"])
  func `refuses what is not in compact form`(text: String) {
    #expect(throws: SigningError.self) { try payload(of: Array(text.utf8)) }
  }

  @Test func `refuses every change of one byte, every cut and every addition`() throws {
    let text = try JSONWebSignature.sign(
      Array(#"{"do":"test"}"#.utf8), type: "mimamori-test", keyIdentifier: "bousai-2026", with: key)
    for index in text.indices {
      for bit in 0..<8 {
        var changed = text
        changed[index] ^= 1 << bit
        #expect(throws: SigningError.self) { try payload(of: changed) }
      }
      #expect(throws: SigningError.self) { try payload(of: Array(text[..<index])) }
      var longer = text
      longer.insert(UInt8(ascii: "A"), at: index)
      #expect(throws: SigningError.self) { try payload(of: longer) }
    }
    #expect(throws: SigningError.self) { try payload(of: text + [UInt8(ascii: "\n")]) }
  }

  @Test func `refuses more than 4,096 bytes before anything else`() {
    let text = [UInt8](repeating: UInt8(ascii: "."), count: 4097)
    #expect(throws: SigningError.tooLong(bytes: 4097, limit: 4096)) { try JSONWebSignature(compact: text) }
  }

  @Test(arguments: ["", "a b", "a\"", "a\\", "あ", String(repeating: "a", count: 65)])
  func `signs under no name that a header cannot carry`(name: String) throws {
    #expect(throws: SigningError.unusableKeyIdentifier) {
      try JSONWebSignature.sign([], type: "mimamori-test", keyIdentifier: name, with: key)
    }
  }

  @Test(arguments: refusals.map(\.1) + [.wrongSignature(keyIdentifier: "k"), .libraryFailed, .notCompact])
  func `says what failed and what to do`(error: SigningError) {
    #expect(error.description.hasPrefix("Failed to "))
    #expect(error.description.split(separator: ": ").count >= 3)
  }
}
