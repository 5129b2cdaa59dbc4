/// What `sign verify` shows.
public enum SignedText {
  /// Verifies a watch list's file, or a single JWS such as a command, and describes it.
  ///
  /// - Throws: status 1 when it is not what the key's holder signed, 65 when it is no signed text or is malformed.
  public static func describe(
    _ bytes: [UInt8], verifiedBy publicKey: Ed25519.PublicKey
  ) throws(GatewayError) -> String {
    let file: WatchListFile
    do {
      file = try WatchListFile(bytes: bytes)
    } catch {
      throw GatewayError(.badInputData, "\(error)")
    }
    let signature: JSONWebSignature
    do {
      signature = try JSONWebSignature(compact: file.manifest)
    } catch {
      throw GatewayError(.badInputData, "\(error)")
    }
    guard signature.type != WatchListManifest.type else {
      do {
        return try WatchListSummary(of: file, verifiedBy: publicKey).description
      } catch {
        let isProof = [.signature, .altered, .incomplete].contains(error.reason)
        throw GatewayError(isProof ? .checkFailed : .badInputData, "\(error)")
      }
    }
    guard file.parts.isEmpty else { throw GatewayError(.badInputData, "\(SigningError.notCompact)") }
    return try describe(signature, verifiedBy: publicKey)
  }

  private static func describe(
    _ signature: JSONWebSignature, verifiedBy publicKey: Ed25519.PublicKey
  ) throws(GatewayError) -> String {
    let payload: [UInt8]
    do {
      payload = try signature.payload(verifiedBy: publicKey)
    } catch {
      throw GatewayError(.checkFailed, "\(error)")
    }
    do {
      // JSON has no bare control characters, so that it can be shown in a terminal.
      try StrictJSON.check(payload)
    } catch {
      throw GatewayError(.badInputData, "Failed to show the payload: \(error): sign it again")
    }
    return """
      The signature is good.
      kid:     \(signature.keyIdentifier)
      typ:     \(signature.type)
      payload: \(String(decoding: payload, as: UTF8.self))
      """
  }
}
