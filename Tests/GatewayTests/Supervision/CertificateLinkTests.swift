import Alerts
import Foundation
import Locks
import Observations
import SensorDrivers
import Testing

@testable import Gateway

struct CertificateLinkTests {
  private static let day: Int64 = 86_400_000

  @Test(arguments: [
    (31 * day, nil), (30 * day + 1, nil), (30 * day, FaultCause.certificateExpiring), (1, .certificateExpiring),
    (0, .certificateExpired), (-day, .certificateExpired), (4_000 * day, nil),
  ])
  func `thirty days before its end a certificate is told of, and at its end once more`(left: Int64, cause: FaultCause?)
  {
    let now = WallTime(milliseconds: 1_800_000_000_000)
    #expect(CertificateLink.cause(end: WallTime(milliseconds: now.milliseconds + left), now: now) == cause)
  }

  /// A certificate by openssl that lasts so many days.
  private static func make(days: Int, at path: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
    process.arguments = [
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "\(days)", "-subj",
      "/CN=test", "-keyout", "/dev/null", "-out", path,
    ]
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
  }

  @Test func `files are read on another thread, and not judged while the clock cannot be trusted`() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "certificates-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let own = folder.appending(path: "own.pem").path
    let authority = folder.appending(path: "ca.pem").path
    try Self.make(days: 20, at: own)
    try Self.make(days: 100, at: authority)
    let clock = Locked(ClockQuality.unsynchronized)
    let found = Locked<[BoardCertificate: FaultCause?]>([:])
    let (logger, lines) = CollectingLog.make()
    let link = try CertificateLink(
      points: [
        .init(certificate: .own, path: own), .init(certificate: .authority, path: authority),
        .init(certificate: .fallbackOwn, path: folder.path + "/absent.pem"),
      ], logger: logger,
      present: {
        let wall = WallTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000))
        return Moment(monotonic: monotonicNow(), wall: wall, clock: clock.withLock { $0 })
      }, found: { certificate, cause in found.withLock { $0[certificate] = .some(cause) } }, at: monotonicNow())
    let loop = EventLoop { monotonicNow() }
    loop.add(link)
    #expect(turn(loop) { lines.all.count == 1 }, "that one is missing is said at once")
    #expect(found.withLock { $0.isEmpty })
    let due = try #require(link.nextDeadline)
    #expect(due - monotonicNow() <= .minutes(10), "it is looked again soon")
    clock.withLock { $0 = .synchronized }
    link.wake(at: monotonicNow())
    #expect(turn(loop) { found.withLock { $0.count == 2 } })
    #expect(found.withLock { $0[.own] } == .some(.some(.certificateExpiring)))
    #expect(found.withLock { $0[.authority] } == .some(.none))
    #expect(lines.all.contains { $0.contains("mqtt.tls.certificate ends in 19 days") })
    let next = try #require(link.nextDeadline)
    #expect(next - monotonicNow() > .hours(23), "and then daily")
    try Self.make(days: 300, at: own)
    link.wake(at: monotonicNow())
    #expect(turn(loop) { found.withLock { $0[.own] } == .some(.none) })
  }
}
