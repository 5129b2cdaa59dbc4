import Foundation
import Testing

/// Programs that others wrote, run as children to judge what this project writes.
enum Peer {
  /// That a program could not be run.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  static let checkout = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  static let schemaFolder = checkout.appending(path: "docs/schemas")

  private static let python = checkout.appending(path: ".python/bin/python")
  private static let xmllint = URL(filePath: "/usr/bin/xmllint")
  private static let isMissedAloud = ProcessInfo.processInfo.environment["CI"] == "true"

  static let isPythonExpected = FileManager.default.isExecutableFile(atPath: python.path) || isMissedAloud
  static let isXMLLintExpected = FileManager.default.isExecutableFile(atPath: xmllint.path) || isMissedAloud

  /// Judges each document by the published schema of its name: nil where it is valid, else the reason.
  static func schemaVerdicts(_ documents: [(schema: String, bytes: [UInt8])]) throws -> [String?] {
    var lines = Data()
    for document in documents {
      lines.append(contentsOf: "{\"schema\":\"\(document.schema)\",\"document\":".utf8)
      lines.append(contentsOf: document.bytes)
      lines.append(contentsOf: "}\n".utf8)
    }
    let script = checkout.appending(path: "Tests/Peers/validate_schema.py").path
    let result = try run(python, [script, schemaFolder.path], input: lines)
    let verdicts = result.output.split(separator: "\n").map { $0 == "valid" ? nil : String($0) }
    guard result.status == 0, verdicts.count == documents.count else {
      throw Failure(description: "Failed to judge \(documents.count) documents: \(result.errors)")
    }
    return verdicts
  }

  /// Judges each measure by the Smart Data Models in a folder: nil where it is valid, else the reason.
  static func modelVerdicts(_ documents: [[UInt8]], folder: URL) throws -> [String?] {
    let script = checkout.appending(path: "Tests/Peers/validate_model.py").path
    let input = documents.reduce(into: Data()) { $0.append(contentsOf: $1 + [UInt8(ascii: "\n")]) }
    let result = try run(python, [script, folder.path], input: input)
    let verdicts = result.output.split(separator: "\n").map { $0 == "valid" ? nil : String($0) }
    guard result.status == 0, verdicts.count == documents.count else {
      throw Failure(description: "Failed to judge \(documents.count) measures: \(result.errors)")
    }
    return verdicts
  }

  /// Judges each document by an XML schema: nil where it is valid, else what xmllint says.
  static func xmlVerdicts(_ documents: [[UInt8]], schema: URL) throws -> [String?] {
    let folder = FileManager.default.temporaryDirectory.appending(path: "mimamori-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: folder) }
    let names = documents.indices.map { "\($0).xml" }
    for (name, bytes) in zip(names, documents) {
      try Data(bytes).write(to: folder.appending(path: name))
    }
    let arguments = ["--noout", "--nonet", "--schema", schema.path] + names.map { folder.appending(path: $0).path }
    let result = try run(xmllint, arguments, input: Data())
    let lines = result.errors.split(separator: "\n")
    return names.map { name in
      let path = folder.appending(path: name).path
      if lines.contains("\(path) validates") { return nil }
      return lines.first { $0.hasPrefix(path) }.map(String.init) ?? "no verdict: \(result.errors.prefix(500))"
    }
  }

  /// Runs the program that puts the catalogue's words into the sources.
  static func words(_ arguments: [String]) throws -> (status: Int32, errors: String) {
    let script = checkout.appending(path: "packaging/words.py").path
    let result = try run(URL(filePath: "/usr/bin/python3"), [script] + arguments, input: Data())
    return (result.status, result.errors)
  }

  /// Runs a program to its end, with its input and output in files, so that neither side can block the other.
  private static func run(
    _ program: URL, _ arguments: [String], input: Data
  ) throws -> (status: Int32, output: String, errors: String) {
    let folder = FileManager.default.temporaryDirectory.appending(path: "mimamori-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: folder) }
    let files = ["input", "output", "errors"].map { folder.appending(path: $0) }
    for (file, content) in zip(files, [input, Data(), Data()]) { try content.write(to: file) }
    let process = Process()
    process.executableURL = program
    process.arguments = arguments
    process.standardInput = try FileHandle(forReadingFrom: files[0])
    process.standardOutput = try FileHandle(forWritingTo: files[1])
    process.standardError = try FileHandle(forWritingTo: files[2])
    try process.run()
    process.waitUntilExit()
    return (
      process.terminationStatus, try String(contentsOf: files[1], encoding: .utf8),
      try String(contentsOf: files[2], encoding: .utf8)
    )
  }
}

extension Trait where Self == ConditionTrait {
  /// Skips by name where the tests' Python is not installed, except with `CI=true`.
  static var needsPython: Self {
    .enabled(if: Peer.isPythonExpected, "there is no .python/bin/python: install Tests/requirements.txt into .python")
  }

  /// Skips by name where xmllint is not installed, except with `CI=true`.
  static var needsXMLLint: Self {
    .enabled(if: Peer.isXMLLintExpected, "there is no /usr/bin/xmllint: install libxml2-utils")
  }
}
