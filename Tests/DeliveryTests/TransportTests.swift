import Delivery
import Foundation
import Testing

/// TLS against real brokers: who is believed, who is not, and what is said.
@Suite(.serialized) struct TransportTests {
  private static let certificates = Result { try TestCertificates() }

  /// A broker with a certificate of that name, which asks for nothing unless told.
  private func broker(_ name: String = "server", extra: String = "") throws -> MosquittoBroker {
    let path = try Self.certificates.get().path
    let broker = try MosquittoBroker(
      listener: "cafile \(path)/ca.pem\ncertfile \(path)/\(name).pem\nkeyfile \(path)/\(name).key\n" + extra)
    try broker.start()
    return broker
  }

  private func harness(
    _ port: Int, authority: String = "ca", client: String? = nil,
    adjust: (inout DeliverySettings.TransportSecurity) -> Void = { _ in }
  ) throws -> DeliveryHarness {
    let path = try Self.certificates.get().path
    var security = DeliverySettings.TransportSecurity(
      authorityFile: "\(path)/\(authority).pem", certificateFile: client.map { "\(path)/\($0).pem" },
      keyFile: client.map { "\(path)/\($0).key" })
    adjust(&security)
    let harness = try DeliveryHarness(port: port) { $0.broker.security = security }
    try harness.start()
    harness.commit([harness.message("A")])
    return harness
  }

  @Test func `a broker that the authority signed gets the message`() throws {
    let broker = try broker()
    let harness = try harness(broker.port)
    #expect(harness.isDelivered())
    broker.stop()
  }

  @Test(arguments: [
    ("server", "other", "tls_authority", "no authority of mqtt.tls.ca signed"),
    ("elsewhere", "ca", "tls_name", "does not name 127.0.0.1"),
    ("expired", "ca", "tls_expired", "has expired"),
  ])
  func `a broker that cannot be believed gets nothing, and it is said why`(
    certificate: String, authority: String, word: String, words: String
  ) throws {
    let broker = try broker(certificate)
    let harness = try harness(broker.port, authority: authority)
    #expect(eventually { harness.service.statistics.lastError == word }, "\(harness.lines.all)")
    #expect(eventually { harness.service.statistics.connection >= 3 }, "it is tried again")
    let said = harness.lines.all.filter { $0.hasPrefix("warning") }
    #expect(said.count == 1 && said[0].contains(words) && said[0].contains("nothing was sent"), "\(said)")
    #expect(harness.service.statistics.outbox == 1 && harness.service.statistics.published == 0)
  }

  @Test(arguments: [nil, "stranger", "lapsed"])
  func `a broker that does not admit the gateway's certificate is told apart`(client: String?) throws {
    let broker = try broker(extra: "require_certificate true")
    let harness = try harness(broker.port, client: client)
    // A broker may close before its alert can be read.
    #expect(eventually { harness.service.statistics.lastError == "tls_refused" }, "\(harness.lines.all)")
    #expect(harness.service.statistics.outbox == 1)
  }

  @Test func `a renewed certificate is used from the next connection on, without a restart`() throws {
    let folder = try TemporaryFolder()
    let path = try Self.certificates.get().path
    func bring(_ name: String) throws {
      for suffix in ["pem", "key"] {
        let target = "\(folder.path)/own.\(suffix)"
        try? FileManager.default.removeItem(atPath: target)
        try FileManager.default.copyItem(atPath: "\(path)/\(name).\(suffix)", toPath: target)
      }
    }
    try bring("lapsed")
    let broker = try broker(extra: "require_certificate true")
    let harness = try harness(broker.port) {
      $0.certificateFile = folder.path + "/own.pem"
      $0.keyFile = folder.path + "/own.key"
    }
    #expect(eventually { harness.service.statistics.connection >= 2 })
    try bring("gateway")
    #expect(harness.isDelivered())
  }

  @Test(arguments: [
    ("absent.pem", "gateway.key", "no certificate can be read"), ("gateway.pem", "absent.key", "no key can be read"),
    ("gateway.pem", "stranger.key", "is not that of the certificate"),
  ])
  func `files that cannot be used are named`(certificate: String, key: String, words: String) throws {
    let path = try Self.certificates.get().path
    let harness = try harness(freePort()) {
      $0.certificateFile = path + "/" + certificate
      $0.keyFile = path + "/" + key
    }
    #expect(harness.lines.wait { $0.contains { $0.contains(words) } }, "\(harness.lines.all)")
    #expect(eventually { harness.service.statistics.lastError == "settings" })
  }

  @Test func `a broker of an older TLS than is allowed gets nothing`() throws {
    let path = try Self.certificates.get().path
    let port = freePort()
    let server = Process()
    server.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
    server.arguments = [
      "s_server", "-accept", "127.0.0.1:\(port)", "-tls1_2", "-quiet", "-cert", path + "/server.pem", "-key",
      path + "/server.key",
    ]
    // It ends with its input.
    server.standardInput = Pipe()
    server.standardOutput = FileHandle.nullDevice
    server.standardError = FileHandle.nullDevice
    try runChild(server)
    defer { server.terminate() }
    try #require(eventually { canConnect(port: port) })
    let strict = try harness(port) { $0.minimumVersion = .oneThree }
    #expect(strict.lines.wait { $0.contains { $0.contains("mqtt.tls.minimum_version") } }, "\(strict.lines.all)")
    strict.stop()
    let modest = try harness(port)
    #expect(eventually { modest.service.statistics.lastError == "no_answer" }, "TLS 1.2 comes as far as MQTT")
  }

  // MARK: A shared key

  private static let key: [UInt8] = (0..<32).map { $0 &* 7 &+ 1 }
  private static let digits = key.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()

  private func sharing(_ port: Int, identity: String = "kakogawa-042", key: [UInt8] = Self.key) throws
    -> DeliveryHarness
  {
    let harness = try DeliveryHarness(port: port) {
      $0.broker.security = .init(
        authorityFile: nil, certificateFile: nil, keyFile: nil, sharedKey: .init(identity: identity, key: key))
    }
    try harness.start()
    harness.commit([harness.message("A")])
    return harness
  }

  private func sharedKeyBroker() throws -> MosquittoBroker {
    let broker = try MosquittoBroker(
      listener: "psk_hint mimamori\nuse_identity_as_username true\npsk_file FOLDER/keys")
    try "kakogawa-042:\(Self.digits)\n".write(toFile: broker.path + "/keys", atomically: true, encoding: .utf8)
    try broker.start()
    return broker
  }

  @Test func `a shared key opens the broker that has it too, and is in no line of the log`() throws {
    let broker = try sharedKeyBroker()
    let harness = try sharing(broker.port)
    #expect(harness.isDelivered())
    broker.stop()
    #expect(!harness.lines.all.contains { $0.contains(Self.digits) || $0.contains("psk") })
  }

  @Test(arguments: [("kakogawa-042", [UInt8](repeating: 9, count: 32)), ("stranger", Self.key)])
  func `a wrong shared key or identity is refused and said, without the key`(identity: String, key: [UInt8]) throws {
    let broker = try sharedKeyBroker()
    let harness = try sharing(broker.port, identity: identity, key: key)
    #expect(harness.lines.wait { $0.contains { $0.contains("mqtt.tls.psk_identity") } }, "\(harness.lines.all)")
    #expect(eventually { harness.service.statistics.connection >= 3 })
    #expect(harness.service.statistics.outbox == 1)
    #expect(!harness.lines.all.contains { $0.contains("0909") || $0.contains(Self.digits) })
    broker.stop()
  }

  @Test func `who answers with a certificate where a shared key is asked for gets nothing, not even the login`() throws
  {
    let broker = try broker()
    let harness = try sharing(broker.port)
    #expect(eventually { harness.service.statistics.connection >= 3 })
    #expect(harness.service.statistics.reconnects == 0 && harness.service.statistics.outbox == 1)
    #expect(!harness.lines.all.contains { $0.contains("Connected") })
  }
}

/// Two authorities, and certificates by them: of brokers with and without the right name, of gateways with and without
/// the right authority, and of each that has ended.
final class TestCertificates: Sendable {
  private let folder: TemporaryFolder

  var path: String { folder.path }

  init() throws {
    folder = try TemporaryFolder()
    let script = """
      set -e
      cd \(folder.path)
      curve='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
      for name in ca other; do
        openssl req -x509 $curve -days 2 -subj /CN=$name -keyout $name.key -out $name.pem
      done
      sign() {
        openssl req $curve -subj /CN=$1 -keyout $1.key -out $1.csr
        printf "$4" > $1.ext
        openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -days $3 -extfile $1.ext -out $1.pem
      }
      sign server ca 2 subjectAltName=IP:127.0.0.1
      sign elsewhere ca 2 subjectAltName=IP:127.0.0.9,DNS:elsewhere.example
      sign expired ca -1 subjectAltName=IP:127.0.0.1
      sign gateway ca 2 basicConstraints=CA:FALSE
      sign lapsed ca -1 basicConstraints=CA:FALSE
      sign stranger other 2 basicConstraints=CA:FALSE
      touch done
      """
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", script]
    process.standardError = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try runChild(process)
    let marker = folder.path + "/done"
    try #require(eventually { FileManager.default.fileExists(atPath: marker) })
  }
}
