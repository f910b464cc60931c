using Fleet.Server.Events;

namespace Fleet.Server.Dashboard;

/// <summary>The one script, sent with each page that is live: it reads the page again when what it shows has changed.</summary>
internal static class Script
{
    /// <summary>
    /// The script. A page rests ten times as long as the server took to make it, two seconds at least, so that pages cannot load a server
    /// whatever the size of its fleet. A page that nobody sees follows nothing: a browser holds six connections to a server of HTTP 1.1 and
    /// no more. Where following is refused it reads every five seconds.
    /// </summary>
    public const string Source = $$"""
        (() => {
          const main = document.querySelector('main[data-live]');
          if (!main) return;
          const shown = main.dataset.live.split(' ').map(each => each.split(':'));
          let after = main.dataset.after, source = null, due = false, busy = false, restsUntil = 0;
          const matters = change => shown.some(([kind, id]) => kind === change.kind && (!id || !change.id || id === change.id));
          const typing = () => main.contains(document.activeElement) && /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
          async function read() {
            if (!due || busy || document.hidden || typing()) return;
            const wait = restsUntil - performance.now();
            if (wait > 0) { setTimeout(read, wait); return; }
            [due, busy] = [false, true];
            const began = performance.now();
            try {
              const answer = await fetch(location.href, { redirect: 'manual' });
              if (!answer.ok) { location.reload(); return; }
              const page = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('main[data-live]');
              if (!page) { location.reload(); return; }
              main.replaceChildren(...page.childNodes);
              delete main.dataset.stale;
            } catch { due = true; main.dataset.stale = 'yes'; }
            finally {
              busy = false;
              restsUntil = performance.now() + Math.max(2000, 10 * (performance.now() - began));
              if (due) read();
            }
          }
          function changed() { due = true; read(); }
          function follow() {
            if (source || document.hidden) return;
            source = new EventSource('{{EventEndpoints.Path}}?after=' + encodeURIComponent(after));
            source.addEventListener('{{EventStream.Changes}}', event => {
              after = event.lastEventId;
              if (JSON.parse(event.data).changes.some(matters)) changed();
            });
            source.onerror = () => {
              main.dataset.stale = 'yes';
              if (source && source.readyState === EventSource.CLOSED) { source = null; setTimeout(() => { changed(); follow(); }, 5000); }
            };
            source.onopen = () => { delete main.dataset.stale; };
          }
          document.addEventListener('visibilitychange', () => {
            if (document.hidden) { source?.close(); source = null; } else { follow(); read(); }
          });
          main.addEventListener('focusout', () => setTimeout(read));
          follow();
        })();
        """;
}
