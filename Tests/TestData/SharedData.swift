public import Foundation
public import Testing

/// Test data from outside the project: beside the checkout at `../shared/data`, or where `MIMAMORI_SHARED_DATA` says.
public enum SharedData {
  /// The folder, or nil where there is none.
  public static let folder: URL? = {
    let checkout = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    var candidates = [checkout.deletingLastPathComponent().appending(path: "shared/data")]
    if let configured = ProcessInfo.processInfo.environment["MIMAMORI_SHARED_DATA"] {
      candidates.append(URL(filePath: configured))
    }
    return candidates.first { FileManager.default.fileExists(atPath: $0.appending(path: "README.md").path) }
  }()

  /// Present, or missed: with `CI=true` a test runs without the data and fails, so that it is never skipped in silence.
  public static let isExpected = folder != nil || ProcessInfo.processInfo.environment["CI"] == "true"

  /// Why a test without the data is skipped.
  public static let reason: Comment =
    "there is no ../shared/data beside the checkout, and MIMAMORI_SHARED_DATA names none"

  /// That the data, or one file of it, is missing.
  public struct Missing: Error, CustomStringConvertible {
    let path: String
    public var description: String { "Failed to find test data \(path): put it at ../shared/data beside the checkout" }
  }

  /// The file at `path` within the folder.
  public static func file(_ path: String) throws -> URL {
    guard let url = folder?.appending(path: path), FileManager.default.fileExists(atPath: url.path) else {
      throw Missing(path: path)
    }
    return url
  }

  /// The text of the file at `path` within the folder.
  public static func text(_ path: String) throws -> String {
    try String(contentsOf: file(path), encoding: .utf8)
  }

  /// Every file of `subfolder` whose name ends so, sorted by name.
  public static func files(in subfolder: String, suffix: String) throws -> [URL] {
    let names = try FileManager.default.contentsOfDirectory(atPath: file(subfolder).path).sorted()
    return try names.filter { $0.hasSuffix(suffix) }.map { try file("\(subfolder)/\($0)") }
  }
}

extension Trait where Self == ConditionTrait {
  /// Skips by name where the shared data is absent, except with `CI=true`.
  public static var needsSharedData: Self { .enabled(if: SharedData.isExpected, SharedData.reason) }
}
