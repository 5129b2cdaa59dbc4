import Delivery
import FaultyDisk
import Testing

/// Faults that are put in on purpose: the test of what a power cut leaves finds each of them.
@Suite struct PlantedLossTests {
  private func complaints(
    steps: Int = 12, disk: FaultyDisk = FaultyDisk(), plant: ((FaultyDisk) throws -> Ledger)? = nil,
    claimsEarly: Bool = false
  ) throws -> [String] {
    let course = try LedgerCourse(seed: 7, disk: disk, plant: plant)
    course.claimsEarly = claimsEarly
    try course.run(steps: steps)
    course.end()
    var judge = PowerCutJudge(course)
    judge.judge { _ in [.nothingUnsynced] }
    return judge.complaints
  }

  /// A ledger as `LedgerOpener` makes it, but for how SQLite syncs.
  private func plant(_ pragma: String) -> (FaultyDisk) throws -> Ledger {
    { disk in
      let database = try SQLiteDatabase(
        path: LedgerOpener.path(in: LedgerCourse.folder), mode: .readWrite, disk: disk)
      try database.execute("PRAGMA journal_mode = WAL; \(pragma)")
      try database.transaction { () throws(SQLiteFailure) in
        try database.execute(LedgerSchema.tables)
        try database.execute("INSERT INTO meta(key, value) VALUES('epoch', '\(LedgerCourse.boot)')")
      }
      let hold = try disk.hold(LedgerCourse.folder)
      return try Ledger(database: database, lock: hold, epoch: LedgerCourse.boot, digest: quickDigest)
    }
  }

  @Test func `a ledger that is never synced loses messages`() throws {
    let found = try complaints(steps: 5, plant: plant("PRAGMA synchronous = OFF"))
    #expect(found.contains { $0.contains("is lost") })
    #expect(found.contains { $0.contains("would be given twice") })
    #expect(found.contains { $0.contains("the memory is that of 0") })
  }

  @Test func `a ledger whose log is synced at checkpoints only loses messages`() throws {
    let found = try complaints(steps: 5, plant: plant("PRAGMA synchronous = NORMAL"))
    #expect(found.contains { $0.contains("is lost") })
  }

  @Test func `the same ledger loses nothing when it is synced`() throws {
    #expect(try complaints(steps: 5, plant: plant("PRAGMA synchronous = FULL")) == [])
  }

  @Test func `a message that is promised before it is synced is found missing`() throws {
    let found = try complaints(claimsEarly: true)
    #expect(found.contains { $0.contains("is lost") })
    #expect(try complaints() == [])
  }

  @Test(arguments: [FaultyDisk.Honesty.ignoresSyncs, .delaysSyncs])
  func `a disk that lies about syncs is found out`(honesty: FaultyDisk.Honesty) throws {
    let disk = FaultyDisk()
    disk.become(honesty)
    let found = try complaints(disk: disk)
    #expect(found.contains { $0.contains("is lost") })
  }

  @Test func `a page that is changed on the disk is not taken for whole`() throws {
    let course = try LedgerCourse(seed: 3)
    try course.run(steps: 20)
    course.end()
    let left = course.disk.copy()
    let path = LedgerOpener.path(in: LedgerCourse.folder)
    _ = try LedgerFindings(left, rows: course.lastRow)
    let bytes = left.read(path, limit: .max)
    let needle = Array("message \(course.lastRow) x".utf8)
    let place = try #require(bytes.indices.first { bytes[$0...].starts(with: needle) })
    left.damage(path, at: place, with: Array("M".utf8))
    #expect(try !LedgerFindings(left, rows: course.lastRow).proof.isWhole)
  }
}
