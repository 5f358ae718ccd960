/**
 * Ask an Askbot relay, and read the answer as it is written, across dropped connections.
 *
 * This file stands alone: no dependencies, no build step. Copy it into your own page, with
 * `askbot.d.ts` beside it if the page is written in TypeScript. Askbot's page uses it as it is.
 *
 *     import { ask } from './askbot.js'
 *
 *     const answer = await ask({
 *       url: 'https://relay.example',
 *       question: 'Why is the sky blue?',
 *       onText: (text) => { paragraph.textContent = text },
 *     })
 *
 * What a page calls comes first: `ask`, `resume`, `stop`, `personas` and `newKey`, and then their types.
 * How it works follows in three parts:
 *
 * 1. Reading. The bytes of a reply become text as they arrive.
 * 2. Coming back. Every question has a key, under which the relay keeps the answer. A connection that
 *    breaks is taken up again at the byte where it broke. At the end the relay's receipt tells whether
 *    all of the answer is here: some proxies make a cut look like an end.
 * 3. Requests and errors. What is tried again, and what `AskbotError` says when that does not help.
 */
/**
 * Ask, and resolve once the answer is whole or was stopped. Without a `persona` the relay's default one answers.
 *
 * Rejects with an `AskbotError` when there is no answer, or only a part of one. The relay refuses a question
 * with a status and the body `{"error": {"code": "...", "message": "...", "request_id": "..."}}`; the error has
 * all of these. Once the head of an answer has left, a failure has no status any more: the relay can only cut
 * the connection. Only the receipt then tells why, and the error has its message.
 *
 * @param {Asked & Options & { persona?: string | undefined }} request
 * @returns {Promise<Answer>}
 */
export declare function ask({ persona, ...options }: Asked & Options & {
    persona?: string | undefined;
}): Promise<Answer>;
/**
 * Read on where a page left off, after a reload say: `text` is what it has of the answer to `key`, and `etag`
 * is what `onText` or an error gave with it. Without the `etag` the rest may be that of another writing.
 *
 * @param {Options & { key: string, text?: string | undefined, etag?: string | null | undefined }} request
 * @returns {Promise<Answer>}
 */
export declare function resume({ text, etag, ...options }: Options & {
    key: string;
    text?: string | undefined;
    etag?: string | null | undefined;
}): Promise<Answer>;
/**
 * Stop the answer to `key`, and with it what it costs. What was written stays.
 *
 * Rejects with an `AskbotError` when the relay could not be told.
 *
 * @param {Pick<Options, 'url' | 'token' | 'backOffMs'> & { key: string }} request
 */
export declare function stop({ key, ...options }: Pick<Options, 'url' | 'token' | 'backOffMs'> & {
    key: string;
}): Promise<void>;
/**
 * The personas that the relay offers, in the given language where they speak it.
 *
 * Rejects with an `AskbotError` when the relay cannot be reached, or refuses.
 *
 * @param {Pick<Options, 'url' | 'token' | 'signal'> & { language?: string | undefined }} [request]
 * @returns {Promise<{ default: string, personas: Persona[] }>}
 */
export declare function personas({ language, ...options }?: Pick<Options, 'url' | 'token' | 'signal'> & {
    language?: string | undefined;
}): Promise<{
    default: string;
    personas: Persona[];
}>;
/** A key for a question: a random UUID (RFC 9562), also where the page came over plain HTTP. */
export declare function newKey(): string;
export type Message = {
    role: 'user' | 'assistant';
    content: string;
};
export type Asked = {
    question: string;
} | {
    messages: readonly Message[];
};
export type Options = {
    /**
     * Where the relay is. Without it: where the page came from.
     */
    url?: string | undefined;
    /**
     * The access code, where the relay asks for one. It goes as a bearer token (RFC 6750).
     */
    token?: string | undefined;
    /**
     * A UUID of your own making, to `resume` or `stop` by. Tell it to nobody.
     */
    key?: string | undefined;
    /**
     * Ends the reading. The relay goes on for a while; `stop` ends the answer.
     */
    signal?: AbortSignal | undefined;
    /**
     * Called whenever the text changes, with the
     * whole answer so far: show it in place of the last one. It grows; but where the relay had to have the answer written
     * again, it begins anew, with ''. `etag` names the writing: a page that may be reloaded keeps both, for `resume`.
     */
    onText?: ((text: string, etag: string | null) => void) | undefined;
    /**
     * The first pause before a broken connection is tried again; later ones are longer.
     */
    backOffMs?: number | undefined;
};
export type Receipt = {
    state: 'running' | 'finished' | 'stopped' | 'failed';
    bytes: number;
    finish_reason: string | null;
    usage: {
        prompt_tokens: number;
        completion_tokens: number;
        total_tokens: number;
    } | null;
    error: {
        code: string;
        message: string;
    } | null;
    first_token_ms: number | null;
    duration_ms: number | null;
    model: string | null;
};
export type Answer = {
    state: 'finished' | 'stopped';
    text: string;
    /**
     * The completion's id, if the relay got as far as making one.
     */
    id: string | null;
    /**
     * What to quote when asking the operator about this answer.
     */
    requestId: string | null;
    /**
     * Null where the relay keeps none, and for an answer that was left.
     */
    receipt: Receipt | null;
};
export type Persona = {
    id: string;
    name: string;
    description: string;
    greeting: string;
    suggestions: string[];
};
/**
 * Why there is no answer, or not a whole one.
 *
 * `code` is the relay's own (`upstream_rate_limited`, `upstream_timeout`, ...) or one of three that
 * only a client can see:
 *
 * - `unreachable`: no reply at all (no network, no relay, or a relay that does not allow this page)
 * - `unexpected_response`: something that is not the relay replied, such as a host's error page
 * - `cut`: the answer broke off; `text` holds what had arrived
 *
 * `canResume` tells that the relay may still have the rest, and `resume` with the same `text` and `etag`
 * get it later, at no cost.
 */
export declare class AskbotError extends Error {
    code: string;
    status: number | null;
    requestId: string | null;
    retryAfterSeconds: number | null;
    text: string;
    etag: string | null;
    canResume: boolean;
    /**
     * @param {string} code
     * @param {string} message
     * @param {{ status?: number | null, requestId?: string | null, retryAfterSeconds?: number | null, text?: string, etag?: string | null, canResume?: boolean, cause?: unknown }} [details]
     */
    constructor(code: string, message: string, { status, requestId, retryAfterSeconds, text, etag, canResume, cause }?: {
        status?: number | null;
        requestId?: string | null;
        retryAfterSeconds?: number | null;
        text?: string;
        etag?: string | null;
        canResume?: boolean;
        cause?: unknown;
    });
}
