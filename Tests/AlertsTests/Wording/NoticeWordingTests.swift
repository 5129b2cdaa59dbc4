import Observations
import Testing

@testable import Alerts

@Suite struct `The words of a notice` {
  static let wording = Wording(languages: Catalogue.languages, contact: nil, zone: Samples.tokyo)

  @Test(arguments: [
    (NoticeKind.arrival, WatchPlan.Person.child, "15:02 国包小学校 正門に着きました", "Arrived at 国包小学校 正門 at 15:02"),
    (.departure, .child, "15:01 国包小学校 正門を離れました", "Left 国包小学校 正門 at 15:01"),
    (.arrival, .elder, "15:02 国包小学校 正門で確認しました", "Detected at 国包小学校 正門 at 15:02"),
    (.departure, .elder, "15:01 国包小学校 正門から離れました", "Left 国包小学校 正門 at 15:01"),
  ])
  func `name the place and the time`(kind: NoticeKind, person: WatchPlan.Person, japanese: String, english: String) {
    let texts = Self.wording.texts(for: Samples.notice(kind, person: person, lastSeen: -61))
    #expect(texts.map(\.headline).first == japanese)
    #expect(texts[2].headline == english)
  }

  @Test func `hold no id and nothing that is not filled in`() {
    for notice in Samples.notices {
      for text in Self.wording.texts(for: notice) {
        for field in [text.headline, text.description] {
          for id in [notice.subject.text, notice.place.text, notice.sensor.text, notice.id, "{", "notice", "ja-x"] {
            #expect(!field.contains(id), "\(field)")
          }
        }
        let marks = ["【訓練】", "[EXERCISE]", "[DIỄN TẬP]", "【演练】", "[SIMULADO]"]
        #expect(marks.contains { text.headline.hasPrefix($0) } == (notice.mode == .exercise))
      }
    }
  }

  @Test func `tell whom to ask, except of what happens every day`() {
    let wording = Wording(languages: Catalogue.languages, contact: "見守り係 000", zone: Samples.tokyo)
    for notice in Samples.notices {
      let isRoutine = [.arrival, .departure, .passage].contains(notice.kind)
      for text in wording.texts(for: notice) { #expect(text.description.contains("見守り係 000") == !isRoutine) }
    }
  }

  @Test func `of a moving board say that the position is the vehicle's`() {
    var notice = Samples.notice(.passage)
    #expect(Self.wording.texts(for: notice)[0].headline == "15:02 国包小学校 正門の近くを通りました")
    notice.whereabouts = .moving(nil)
    #expect(Self.wording.texts(for: notice)[0].headline == "15:02 国包小学校 正門とすれ違いました")
  }

  @Test func `of somebody who was never detected name no time of a last detection`() throws {
    let texts = Self.wording.texts(for: Samples.neverSeen(.notSeen))
    #expect(
      texts.map(\.headline) == [
        "15:02 国包小学校 正門でまだ一度も検知していません", "ごご 3時2分 国包小学校 正門で まだ 一ども みつかって いません",
        "Not detected at 国包小学校 正門 even once up to 15:02", "国包小学校 正門: đến 15:02 chưa phát hiện lần nào",
        "到15:02，国包小学校 正門从未检测到", "国包小学校 正門: nenhuma detecção até 15h02",
      ])
    for (language, text) in zip(Catalogue.languages, texts) {
      let never = try #require(Catalogue.embedded.texts(in: language)?.byKey["time.never"]).render(Template.Values())
      #expect(text.language == language && !text.headline.contains(never) && !text.description.contains(never))
      #expect(!text.description.contains("1970"))
    }
    #expect(Self.wording.texts(for: Samples.notice(.notSeen))[0].headline == "国包小学校 正門で 15:02 から検知していません")
  }

  @Test func `say another day's date`() {
    let texts = Self.wording.texts(for: Samples.notice(.departure, lastSeen: -86_400))
    #expect(texts[0].headline == "11月20日15:02 国包小学校 正門を離れました")
  }
}
