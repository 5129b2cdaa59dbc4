import Foundation

/// Test data from outside the project: `../shared/data` beside the checkout, or where MIMAMORI_SHARED_DATA says.
enum SharedData {
  static let folder: URL? = {
    let beside = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../shared/data")
      .standardizedFileURL
    let named = ProcessInfo.processInfo.environment["MIMAMORI_SHARED_DATA"].map { URL(filePath: $0) }
    return [beside, named].compactMap { $0 }.first { FileManager.default.fileExists(atPath: $0.path) }
  }()

  /// Whether tests that need the data can run. With CI=true they must, and fail where it is absent.
  static let isRequired = folder != nil || ProcessInfo.processInfo.environment["CI"] == "true"

  static let reason = "../shared/data is absent"

  static func text(_ path: String) throws -> String {
    guard let folder else { throw CocoaError(.fileNoSuchFile) }
    return try String(contentsOf: folder.appending(path: path), encoding: .utf8)
  }
}
