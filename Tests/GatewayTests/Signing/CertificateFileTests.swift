import Foundation
import Gateway
import Observations
import Testing

struct CertificateFileTests {
  /// Ends 2031-01-01T00:00:00Z.
  private static let later = """
    -----BEGIN CERTIFICATE-----
    MIHJMH2gAwIBAgIBBTAFBgMrZXAwDzENMAsGA1UEAwwEdGVzdDAeFw0yNjAxMDEw
    MDAwMDBaFw0zMTAxMDEwMDAwMDBaMA8xDTALBgNVBAMMBHRlc3QwKjAFBgMrZXAD
    IQDsXU++DvMW/yloL/aTklMl/i3IvaPnfLUp/BdAslT3+TAFBgMrZXADQQBJT0qh
    HpuEmbNunSfLhFOA4bMgCwE4CyitGcwEqnfyhJQIPIv6Mxk/TLa7iSuRWzaIa9uX
    H+oiBwJs9U4ehkkB
    -----END CERTIFICATE-----
    """

  /// Ends 2027-06-30T12:00:00Z.
  private static let sooner = """
    -----BEGIN CERTIFICATE-----
    MIHJMH2gAwIBAgIBBTAFBgMrZXAwDzENMAsGA1UEAwwEdGVzdDAeFw0yNjAxMDEw
    MDAwMDBaFw0yNzA2MzAxMjAwMDBaMA8xDTALBgNVBAMMBHRlc3QwKjAFBgMrZXAD
    IQDSwetXc/rvgtkbZlOtu8Ip0f0w8sjb0Jn9RMoJb0ks6jAFBgMrZXADQQAWEWNd
    pI/hga8DNSrQGj7qgZw49eh69u5Oczktl1rm7eyZc33f+XFrnyPm1JgO4l+6JInj
    Df0R1DkEsVRZAiUF
    -----END CERTIFICATE-----
    """

  @Test func `the end of the certificate that ends first counts, wherever it stands and whatever is around it`() {
    let sooner = WallTime(milliseconds: 1_814_356_800_000)
    let later = WallTime(milliseconds: 1_924_992_000_000)
    let cases: [(String, WallTime?)] = [
      (Self.later, later), (Self.sooner, sooner), (Self.later + "\n" + Self.sooner, sooner),
      ("# of the city\n" + Self.sooner + "\nsome words\n" + Self.later, sooner), ("", nil), ("no certificate", nil),
      (Self.later.replacingOccurrences(of: "END", with: "DNE"), nil),
    ]
    for (text, end) in cases { #expect(CertificateFile.end(of: Array(text.utf8)) == end) }
  }

  @Test func `no byte that is changed or cut off crashes it`() {
    let bytes = Array(Self.sooner.utf8)
    for index in bytes.indices {
      var changed = bytes
      changed[index] ^= 1
      _ = CertificateFile.end(of: changed)
      #expect(CertificateFile.end(of: Array(bytes[..<min(index, bytes.count - 30)])) == nil)
    }
  }

  @Test func `a file that is not there, and one that is no certificate, are told apart`() throws {
    #expect(throws: GatewayError.self) { try CertificateFile.end(at: "/nonexistent/ca.pem") }
    let path = FileManager.default.temporaryDirectory.appending(path: "certificate-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try "key".write(toFile: path, atomically: true, encoding: .utf8)
    let error = #expect(throws: GatewayError.self) { try CertificateFile.end(at: path) }
    #expect(error?.status == .badInputData)
  }

  @Test(arguments: [
    ("00112233445566778899aabbccddeeff\n", true), ("00112233445566778899AABBCCDDEEFF\r\n", true),
    (String(repeating: "a5", count: 64), true), (String(repeating: "a5", count: 65), false),
    ("00112233445566778899aabbccddee", false), ("0x00112233445566778899aabbccddeeff", false), ("", false),
    ("00112233445566778899aabbccddeeff\n\nsecret", false),
  ])
  func `a shared key is read from hexadecimal digits, and what is wrong is said without it`(
    text: String, isKey: Bool
  ) throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "key-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
    do {
      let loaded = try KeyFile.sharedKey(at: path)
      #expect(isKey && loaded.key.count >= 16)
      #expect(loaded.warning?.contains("open to every user") == true)
    } catch {
      #expect(!isKey && error.status == .badInputData)
      #expect(text.isEmpty || !error.description.contains(text.prefix(12)))
    }
  }
}
