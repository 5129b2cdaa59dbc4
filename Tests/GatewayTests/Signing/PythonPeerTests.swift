import Foundation
import Gateway
import Testing

/// Runs the tests' Python with a script and arguments.
enum PythonPeer {
  /// The virtual environment that the tests make, else the machine's Python.
  static let executable: String = {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let own = root.appending(path: ".python/bin/python3").path()
    return FileManager.default.isExecutableFile(atPath: own) ? own : "/usr/bin/python3"
  }()

  /// Whether its package `cryptography` is there; under CI it must be, so that the test fails without.
  static let isAvailable: Bool =
    ProcessInfo.processInfo.environment["CI"] == "true" || (try? run("import cryptography", []))?.status == 0

  static func run(_ script: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(filePath: executable)
    process.arguments = ["-c", script] + arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }
}

@Suite(.enabled(if: PythonPeer.isAvailable, "Python's package cryptography is not installed"))
struct `An independent implementation` {
  static let signing = """
    import sys, json, base64
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives import serialization
    def encode(data): return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    key = Ed25519PrivateKey.generate()
    header = json.dumps({"typ": "mimamori-test", "alg": "EdDSA", "kid": "python"})
    text = encode(header.encode()) + "." + encode(sys.argv[1].encode())
    print(text + "." + encode(key.sign(text.encode())))
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    print(key.public_key().public_bytes(serialization.Encoding.PEM, public).decode())
    """

  static let verifying = """
    import sys, base64
    from cryptography.hazmat.primitives.serialization import load_pem_public_key, load_pem_private_key
    def decode(text): return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    header, payload, signature = sys.argv[1].split(".")
    load_pem_public_key(sys.argv[2].encode()).verify(decode(signature), (header + "." + payload).encode())
    private = load_pem_private_key(sys.argv[3].encode(), None)
    assert private.sign((header + "." + payload).encode()) == decode(signature)
    print(decode(header).decode() + decode(payload).decode(), end="")
    """

  static let hashing = """
    import sys, hmac, hashlib
    key, text = bytes.fromhex(sys.argv[1]), sys.argv[2].encode()
    print(hmac.new(key, text, hashlib.sha256).hexdigest() + hashlib.sha256(text).hexdigest(), end="")
    """

  @Test func `signs what verifies here`() throws {
    let result = try PythonPeer.run(Self.signing, [#"{"name":"国包"}"#])
    try #require(result.status == 0, "\(result.output)")
    let lines = result.output.split(separator: "\n", maxSplits: 1)
    let publicKey = try #require(Ed25519.PublicKey(text: Array(lines[1].utf8)))
    let text = Array(lines[0].utf8)
    let authority = SigningAuthority(keyIdentifier: "python", publicKey: publicKey, rights: ["test"])
    let payload = try JSONWebSignature(compact: text).payload(
      ofType: "mimamori-test", right: "test", authorities: [authority])
    #expect(payload == Array(#"{"name":"国包"}"#.utf8))
    var changed = text
    let place = changed.count - 10
    changed[place] = changed[place] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
    #expect(throws: SigningError.wrongSignature(keyIdentifier: "python")) {
      try JSONWebSignature(compact: changed).payload(verifiedBy: publicKey)
    }
  }

  @Test func `verifies what is signed here and reads the keys`() throws {
    let key = try Ed25519.PrivateKey()
    let text = try JSONWebSignature.sign(
      Array(#"{"name":"国包"}"#.utf8), type: "mimamori-test", keyIdentifier: "bousai-2026", with: key)
    let arguments = [text, key.publicKey.pem, key.pem].map { String(decoding: $0, as: UTF8.self) }
    let result = try PythonPeer.run(Self.verifying, arguments)
    #expect(result.status == 0, "\(result.output)")
    #expect(
      result.output == #"{"alg":"EdDSA","kid":"bousai-2026","typ":"mimamori-test"}{"name":"国包"}"#)
    var other = arguments
    other[0] = arguments[0].replacing(".", with: ".AAAA", maxReplacements: 1)
    #expect(try PythonPeer.run(Self.verifying, other).status != 0)
  }

  @Test func `hashes as it is done here`() throws {
    let secret = try RandomBytes.make(32)
    let text = Array("eddystone-uid:edd1ebeac04e5defa0170bb10000c0de".utf8)
    let result = try PythonPeer.run(
      Self.hashing, [Hexadecimal.text(of: secret.span), String(decoding: text, as: UTF8.self)])
    let code = try #require(TagKey(bytes: secret)).hash(
      of: try tag("eddystone-uid", "edd1ebeac04e5defa0170bb10000c0de"))
    #expect(result.output == code.hex + SHA256Hash.hex(of: text))
  }
}
