import ArgumentParser
import Gateway
import Glibc

/// Results go to standard output; everything else goes to standard error.
enum StandardStreams {
  /// Writes a line to standard error.
  static func report(_ text: String) {
    let line = Array("\(text)\n".utf8)
    _ = write(line.span, to: STDERR_FILENO)
  }

  /// Writes a result to standard output.
  ///
  /// - Throws: `GatewayError` with 74 when nobody takes it.
  static func output(_ bytes: Span<UInt8>) throws(GatewayError) {
    let code = write(bytes, to: STDOUT_FILENO)
    guard code == 0 else {
      throw GatewayError(.inputOutputFailed, "Failed to write to standard output: \(TextFile.reason(code))")
    }
  }

  /// Writes a result's text to standard output, with a line end.
  ///
  /// - Throws: `GatewayError` with 74 when nobody takes it.
  static func output(_ text: String, terminator: String = "\n") throws(GatewayError) {
    let bytes = Array((text + terminator).utf8)
    try output(bytes.span)
  }

  private static func write(_ bytes: Span<UInt8>, to descriptor: Int32) -> Int32 {
    var written = 0
    while written < bytes.count {
      // SAFETY: write reads no more bytes than the rest of the span has.
      let (count, code) = unsafe bytes.extracting(written..<bytes.count).withUnsafeBytes { rest in
        let count = unsafe Glibc.write(descriptor, rest.baseAddress, rest.count)
        return (count, errno)
      }
      if count > 0 { written += count } else if code != EINTR { return code }
    }
    return 0
  }

  /// Runs a command's work; an error is said on standard error and becomes the exit status that fits.
  static func reportingErrors(_ work: () throws -> Void) throws {
    do {
      try work()
    } catch let error as GatewayError {
      report("\(error)")
      throw ExitCode(error.status.rawValue)
    } catch let error as SigningError {
      report("\(error)")
      throw ExitCode(GatewayError.ExitStatus.serviceUnavailable.rawValue)
    }
  }
}
