import Delivery
import FaultyDisk
import Foundation
import Testing

/// The power is cut between any two changes that the ledger makes to its disk, and what is left is opened anew.
@Suite struct PowerCutTests {
  /// With `MIMAMORI_SOAK` more of everything.
  static let isSoak = ProcessInfo.processInfo.environment["MIMAMORI_SOAK"] != nil

  /// How the power is cut at a moment: once so that only what was synced is there, and torn in some ways.
  private static func variants(_ moment: Int, torn: Int) -> [FaultyDisk.PowerCut] {
    [.nothingUnsynced, .everythingWritten] + (0..<torn).map { .torn(seed: UInt64(moment * torn + $0)) }
  }

  @Test(arguments: 0..<(isSoak ? 24 : 2))
  func `after a power cut at any moment all that was promised is there, whole, and numbered once`(seed: Int) throws {
    let course = try LedgerCourse(seed: UInt64(seed))
    try course.run(steps: Self.isSoak ? 60 : 20)
    course.end()
    var judge = PowerCutJudge(course)
    judge.judge { Self.variants($0, torn: Self.isSoak ? 8 : 2) }
    #expect(judge.complaints == [])
    #expect(course.promises.count { $0.isDurable } > 8)
    #expect(judge.cuts > 600 && judge.opened > 200)
  }
}
