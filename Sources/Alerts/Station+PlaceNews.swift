import Observations

/// What families have been told about whether a place can be watched. The place's retained state is for the city; a family
/// may read its own person's topics alone.
struct PlaceNews: Sendable, Hashable, Codable {
  /// The state must last for so long before anybody is told: a receiver that was unplugged for a moment is no news.
  static let delay = TimeSpan.minutes(5)

  /// So many are told at once, and the next after a pause: ten thousand families are told within half a minute, and no
  /// sensor waits for that.
  static let portion = 50
  static let pause = TimeSpan.milliseconds(100)

  /// Whether the last that was told is that watching is limited.
  var isLimitedTold = false
  /// When something else is to be told, if it is still so.
  var due: MonotonicTime?
  /// While families are being told, in the order of their pseudonyms: the last that was. Empty: none yet.
  var toldUpTo: String?
}

extension Station {
  /// The place's state may differ from what was told: that is told if it lasts.
  mutating func watchNews(_ place: Int, at moment: Moment, into effects: inout Effects) {
    let before = places[place].news
    guard before.toldUpTo == nil else { return }
    if (places[place].state != .watching) == before.isLimitedTold {
      places[place].news.due = nil
    } else if before.due == nil {
      places[place].news.due = moment.monotonic + PlaceNews.delay
    }
    watchDeadline(ofPlace: place)
    if places[place].news != before { saveNews(place, at: moment, into: &effects) }
  }

  /// Tells everybody who is watched over here, once, a portion of them each time.
  mutating func tellNews(_ place: Int, at moment: Moment, into effects: inout Effects) {
    guard let due = places[place].news.due, due <= moment.monotonic else { return }
    places[place].news.due = nil
    defer { saveNews(place, at: moment, into: &effects) }
    if places[place].news.toldUpTo == nil {
      let isLimited = places[place].state != .watching
      guard isLimited != places[place].news.isLimitedTold else { return }
      places[place].news.isLimitedTold = isLimited
      places[place].news.toldUpTo = ""
    }
    let last = places[place].news.toldUpTo ?? ""
    let waiting = places[place].watch.people.filter { $0.subject.text > last }.sorted {
      $0.subject.text < $1.subject.text
    }
    let kind: NoticeKind = places[place].news.isLimitedTold ? .degraded : .restored
    for person in waiting.prefix(PlaceNews.portion) {
      announce(kind, place, person, 1, at: moment, into: &effects)
      places[place].news.toldUpTo = person.subject.text
    }
    if waiting.count > PlaceNews.portion {
      places[place].news.due = moment.monotonic + PlaceNews.pause
    } else {
      places[place].news.toldUpTo = nil
      watchNews(place, at: moment, into: &effects)
    }
  }

  private func saveNews(_ place: Int, at moment: Moment, into effects: inout Effects) {
    let news = places[place].news
    effects.saves.append(
      SavedState(
        key: SavedKey.news(places[place].watch.rule.id), savedAt: moment,
        part: news == PlaceNews() ? nil : .placeNews(news)))
  }

  /// What is overdue waits for the watch list, which comes with the start.
  mutating func restoreNews(_ saved: [String: SavedState], shift: TimeShift) {
    for place in places.indices {
      guard let state = saved[SavedKey.news(places[place].watch.rule.id)], case .placeNews(var news)? = state.part
      else {
        continue
      }
      news.due = news.due.map {
        max(shift.throughPause($0, savedAt: state.savedAt), shift.now.monotonic + .milliseconds(1))
      }
      places[place].news = news
    }
  }
}
