import Foundation
import Testing

/// The software Bluetooth controller of `Tests/Peers/ble_controller.py`, on a pseudo-terminal.
final class BluetoothPeer {
  /// Why a peer cannot be started.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  private static let checkout = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  private static let python = checkout.appending(path: ".python/bin/python")

  /// Present, or missed: with `CI=true` the tests run and fail without it.
  static let isExpected =
    FileManager.default.isExecutableFile(atPath: python.path)
    || ProcessInfo.processInfo.environment["CI"] == "true"
  static let reason: Comment = "there is no .python with what Tests/requirements.txt names"

  /// The pseudo-terminal's path.
  let path: String
  private let folder: URL
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()

  /// Starts it and waits until its beacons are on the air.
  init(beacons: Int, isExtended: Bool) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "mimamori-ble-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    path = folder.appending(path: "hci0").path
    process.executableURL = Self.python
    process.arguments =
      [Self.checkout.appending(path: "Tests/Peers/ble_controller.py").path, "--link", path, "--beacons", "\(beacons)"]
      + (isExtended ? ["--extended"] : [])
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    var said = ""
    while !said.contains("ready") {
      let more = output.fileHandleForReading.availableData
      guard !more.isEmpty else { throw Failure(description: "Failed to start the Bluetooth peer: it ended: \(said)") }
      said += String(decoding: more, as: UTF8.self)
    }
  }

  deinit {
    // The peer inherits the blocked signals of the thread that started it: only this one is sure to end it.
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    try? FileManager.default.removeItem(at: folder)
  }

  /// Makes the controller deaf and dumb.
  func suspend() {
    kill(process.processIdentifier, SIGSTOP)
  }

  func resume() {
    kill(process.processIdentifier, SIGCONT)
  }
}
