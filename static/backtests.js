/* Small things of the backtest pages. Everything works without it as plain links and forms. */
(() => {
  'use strict';
  document.documentElement.classList.add('js');

  /* a button that needs two to five ticks says so by being disabled */
  const count = () => {
    for (const button of document.querySelectorAll('[data-needs]')) {
      const picked = button.form ? [...button.form.elements].filter(box => box.type === 'checkbox' && box.checked).length : 0;
      button.disabled = picked < Number(button.dataset.needs) || picked > Number(button.dataset.most ?? Infinity);
    }
  };
  document.addEventListener('change', event => {
    if (event.target.matches('[type=checkbox]')) count();
    if (event.target.matches('[data-submit]')) event.target.form.requestSubmit();
  });

  /* the live check writes errors under the fields; the fields say it too */
  const mark = () => {
    for (const field of document.querySelectorAll('#draft [aria-describedby^=wrong-]')) {
      const wrong = document.getElementById(field.getAttribute('aria-describedby'));
      if (wrong?.textContent.trim()) field.setAttribute('aria-invalid', 'true');
      else field.removeAttribute('aria-invalid');
    }
  };
  document.addEventListener('htmx:after:swap', mark);

  /* nothing moves any more: the foot stops saying that something does */
  document.addEventListener('finished', () => document.getElementById('stream')?.remove());

  document.addEventListener('DOMContentLoaded', count);
  addEventListener('pageshow', count);
})();
