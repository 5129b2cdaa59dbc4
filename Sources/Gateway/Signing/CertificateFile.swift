internal import CCrypto
public import Observations

/// Files of X.509 certificates: PEM, as libssl reads them.
public enum CertificateFile {
  /// An authorities' file may be the whole system's.
  static let maximumBytes = 1_048_576

  /// When the first of a file's certificates ends.
  ///
  /// - Throws: status 66 for a missing file, 77 for one that may not be read, 65 for one without a certificate.
  public static func end(at path: String) throws(GatewayError) -> WallTime {
    let bytes = try InputFile.read(path, limit: maximumBytes)
    guard let end = end(of: bytes) else {
      throw GatewayError(
        .badInputData, "Failed to read \(path): it holds no certificate: bring one in PEM, with its BEGIN and END lines"
      )
    }
    return end
  }

  /// When the first of the certificates in a PEM text ends; nil when it holds none.
  public static func end(of pem: [UInt8]) -> WallTime? {
    var seconds: Int64 = 0
    guard unsafe mimamori_certificates_end(pem, pem.count, &seconds) > 0 else { return nil }
    return WallTime(milliseconds: seconds * 1_000)
  }
}
